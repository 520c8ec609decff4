"""The office's web page. It shares the store with the supervisor, and nothing else."""

from webui.app import create_app
from webui.server import Server, serve

__all__ = ["Server", "create_app", "serve"]
