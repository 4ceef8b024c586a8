"""PyPI's redis: see cluster.py for the commands, one JSON object a line."""
import json
import sys
import time

import redis
from redis.cluster import RedisCluster
from redis.sentinel import Sentinel

client = None


def cluster(port, redirections=16):
    global client
    client = RedisCluster("127.0.0.1", port, decode_responses=True, socket_timeout=60)


def sentinel(port):
    global client
    client = Sentinel([("127.0.0.1", port)], socket_timeout=60).master_for("shop", decode_responses=True, socket_timeout=60)


def work():
    out, keys = [], ["key:%d" % i for i in range(90)]
    for key in keys:
        out.append(client.set(key, key * 3))
    out.append([client.get(key) for key in keys])
    with client.pipeline() as pipe:
        out.append(pipe.set("{t}a", 1).incr("{t}a").lrange("{t}none", 0, -1).set("key:3", "y").get("key:4").execute())
    with client.pipeline(transaction=True) as pipe:
        out.append(pipe.set("{t}b", 5).decr("{t}b").execute())
    out += [client.mset_nonatomic({"{t}c": "1", "{t}d": "x" * 200000}), len(client.mget_nonatomic("{t}c", "{t}d")[1])]
    out.append(client.eval("return {KEYS[1], redis.call('GET', KEYS[1])}", 1, "{t}c"))
    out += [client.set("key:1", "x", xx=True, get=True), client.hset("hash", mapping={"a": 1, "b": 2}), client.hgetall("hash")]
    try:
        client.set("key:2", "x")
        client.lpush("key:2", 1)
    except redis.ResponseError as error:
        out.append("%s %s" % (type(error).__name__, error))
    out += [len(client.keys("key:*", target_nodes=RedisCluster.PRIMARIES)), len(client.get_primaries())]
    return out


def run(words):
    """Anew, as an application does, while the master is lost."""
    until = time.monotonic() + 60
    while True:
        try:
            return client.execute_command(*words)
        except redis.ConnectionError:
            if isinstance(client, RedisCluster) or time.monotonic() > until:
                raise
            time.sleep(0.1)


COMMANDS = {"cluster": cluster, "sentinel": sentinel, "work": work, "run": run, "close": lambda: client.close()}

for line in sys.stdin:
    asked = json.loads(line)
    try:
        answer = {"value": COMMANDS[asked.pop("op")](**asked)}
    except Exception as error:
        answer = {"raised": type(error).__name__, "text": str(error)}
    print(json.dumps(answer), flush=True)
