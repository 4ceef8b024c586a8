"""A pool of SQLAlchemy's, of whatever database: it meets every behavior, set live, and recovers in the same process."""
import threading

from harness import Clock, need_module

sqlalchemy = need_module("sqlalchemy")


def pool(url, **words):
    return sqlalchemy.create_engine(url, pool_size=3, max_overflow=0, **words)


def query(engine):
    with engine.connect() as connection:
        return connection.execute(sqlalchemy.text("SELECT 40 + 2")).scalar()


def outcome(engine):
    """42, or the driver's exception."""
    try:
        return query(engine)
    except sqlalchemy.exc.DBAPIError as error:
        return type(error.orig).__name__


def recover(engine):
    """How many queries fail before one works, and three more after it."""
    for failed in range(5):
        if outcome(engine) == 42:
            assert [query(engine) for _ in range(3)] == [42, 42, 42]
            return failed
    raise AssertionError("the pool does not recover")


def fill(engine):
    """The pool at its full size, all idle."""
    connections = [engine.connect() for _ in range(3)]
    for connection in connections:
        connection.close()


def meet_every_behavior(engine, proxies):
    """What `error`, `abort` and `blackout` raise."""
    fill(engine)
    assert query(engine) == 42

    def met(name, **options):
        proxies.ctl.set(name, **options)
        return outcome(engine)

    assert met("dummy") == 42
    with Clock() as took:
        assert met("delay", sleep=0.1) == 42
    assert took.seconds > 0.1
    raised = []
    for name in ("error", "abort", "blackout"):
        raised.append(met(name))
        assert isinstance(raised[-1], str), name
        proxies.ctl.set("dummy")
        assert recover(engine) <= 1, name
    proxies.ctl.set("transient", agitate=1)
    assert recover(engine) <= 1

    proxies.ctl.set("hang")
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(outcome(engine)))
    waiter.start()
    waiter.join(0.5)
    assert waiter.is_alive()
    proxies.ctl.set("dummy")
    waiter.join()
    assert answers == [42]
    engine.dispose()
    return raised
