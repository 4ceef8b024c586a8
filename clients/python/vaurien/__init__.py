"""Vaurien, the chaos TCP proxy, from Python: started, driven and stopped.

    with vaurien.Proxy("127.0.0.1:3306", protocol="mysql") as proxy:
        connection = pymysql.connect(host=proxy.host, port=proxy.port, user="app")
        with proxy.behavior("error", failure="deadlock", times=1) as fault:
            ...
        assert fault.hits == 1

Client speaks to a Vaurien that runs elsewhere; start_proxy and stop_proxy are the original's. The pytest plugin is
vaurien.pytest_plugin. audit() runs an audit and returns its report; run() runs a command whose connections go through
proxies. All times are seconds where nothing else is said.
"""
from .client import Client, HTTPError
from .fleet import Fleet, FleetError
from .proxy import Fault, Proxy
from .report import AuditError, Report, audit
from .running import Ran, run
from .util import StartError, start_proxy, stop_proxy

__version__ = "3.0.0"
__all__ = ["AuditError", "Client", "Fault", "Fleet", "FleetError", "HTTPError", "Proxy", "Ran", "Report", "StartError", "audit",
           "run", "start_proxy", "stop_proxy"]
