"""The doors of this wing by name: who can split traffic, and what can count it. `shell/wiring` opens them.

A door is a module with `Settings`, the class that declares its block of the configuration, and
`connect(settings, slots)`, which opens it. A source with a router's name counts what that router did.
"""

ROUTERS: dict[str, str] = {"haproxy": "ml_cicd.rollout.routers.haproxy"}
SOURCES: dict[str, str] = {"haproxy": "ml_cicd.rollout.sources.haproxy"}
