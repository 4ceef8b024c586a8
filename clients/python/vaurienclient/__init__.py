"""The name that Vaurien's client had as a package of its own: from vaurienclient import Client."""
from vaurien.client import Client

__all__ = ["Client"]
