"""The web server: one model, its answers over HTTP, and its page."""

from eyespot.serving.opening import serve as serve
