"""PyPI's toxiproxy-python: see toxiproxy.py for the commands, one JSON object a line."""
import json
import sys

from toxiproxy import Toxiproxy

client = Toxiproxy()
host, port = sys.argv[1].split(":")
client.update_api_consumer(host, int(port))


def shown(proxy):
    return {"name": proxy.name, "listen": proxy.listen, "upstream": proxy.upstream, "enabled": proxy.enabled}


def toxics(name):
    return [vars(toxic) for toxic in client.get_proxy(name).toxics().values()]


def add(name, toxic, **words):
    proxy = client.get_proxy(name)
    proxy.add_toxic(name=toxic, **words)
    return next(one for one in toxics(name) if one["name"] == toxic)


COMMANDS = {
    "version": lambda: client.version().decode(),
    "list": lambda: {name: shown(proxy) for name, proxy in client.proxies().items()},
    "create": lambda name, listen, upstream: shown(client.create(upstream, name, listen)),
    "get": lambda name: shown(client.get_proxy(name)),
    "enable": lambda name: client.get_proxy(name).enable(),
    "disable": lambda name: client.get_proxy(name).disable(),
    "delete": lambda name: client.get_proxy(name).destroy(),
    "populate": lambda proxies: [shown(proxy) for proxy in client.populate(proxies)],
    "add": add,
    "toxics": toxics,
    "remove": lambda name, toxic: client.get_proxy(name).destroy_toxic(toxic),
    "reset": client.reset,
}

for line in sys.stdin:
    words = json.loads(line)
    try:
        answer = {"value": COMMANDS[words.pop("op")](**words)}
    except Exception as error:
        answer = {"raised": type(error).__name__, "text": str(error)}
    print(json.dumps(answer), flush=True)
