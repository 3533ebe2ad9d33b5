"""The files of a place that serves a model: server, deploy hook, HAProxy with its map, and what starts them again."""

import re
from dataclasses import dataclass
from importlib.resources import files
from string import Template

SERVERS = {"pytorch": "server-pytorch.py.txt"}  # by MLflow's name of the flavor; each takes what `register` took
FOLDER = "serve"
PLACE = re.compile(r"/[A-Za-z0-9._/-]{1,60}")  # absolute, and short: a socket's path has 107 characters at most
PORT, SLOTS = 8080, {"blue": 9001, "green": 9002}
EMPTY_MAP = "split blue:green:0:0:none:0\n"
NOTE = re.compile(r"# Replace \$\$socket.*?\. ", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """Where a model is to serve: the target's name, and an absolute folder of that machine."""

    target: str
    place: str
    flavor: str
    packages: str

    def targets(self) -> str:
        """Return the sections `targets` and `canary` of the configuration."""
        slots = ", ".join(f"{name}: {{url: 'http://127.0.0.1:{port}'}}" for name, port in SLOTS.items())
        return f"""
targets:
  '{self.target}':
    router: {{kind: haproxy, socket: {self.place}/haproxy.sock, map: {self.place}/split.map}}
    slots: {{{slots}}}
    hooks: {{deploy: [{self.place}/.venv/bin/python, {self.place}/deploy.py]}}

canary:
  steps: [1, 5, 25, 50] # percent
  guardrails: {{errors: {{margin: 0.005}}}}
  deadline: 30m
  when_inconclusive: rollback
"""


def serving_files(serving: Serving, *, model: str, owner: str) -> dict[str, str]:
    """Return the files by their paths."""
    names = {"socket": f"{serving.place}/haproxy.sock", "map": f"{serving.place}/split.map", "port": str(PORT)}
    names |= {f"{slot}_port": str(port) for slot, port in SLOTS.items()}
    texts = {
        "server.py": _text(SERVERS[serving.flavor]),
        "deploy.py": _text("deploy.py.txt"),
        "haproxy.cfg": Template(NOTE.sub("# ", _text("haproxy.cfg.txt"))).substitute(names),
        "split.map": EMPTY_MAP,
        "requirements.txt": _requirements(serving, owner),
        f"{model}-slots.service": _unit(
            f"The servers of {model}",
            f"Type=oneshot\nRemainAfterExit=yes\nKillMode=process\n"
            f"ExecStart={serving.place}/.venv/bin/python {serving.place}/deploy.py --restart",
        ),
        f"{model}-router.service": _unit(
            f"The router of {model}",
            f"ExecStart=/usr/sbin/haproxy -Ws -f {serving.place}/haproxy.cfg\n"
            "ExecReload=/bin/kill -USR2 $MAINPID\nType=notify\nRestart=always",
        ),
        "README.md": _readme(serving, model),
    }
    return {f"{FOLDER}/{name}": text for name, text in texts.items()}


def _text(name: str) -> str:
    return files("ml_cicd").joinpath(f"starter/files/{name}").read_text(encoding="utf-8")


def _requirements(serving: Serving, owner: str) -> str:
    return f"""# What server.py and deploy.py need; {serving.packages} in the version that the model was saved with.
{serving.packages}
numpy
ml-cicd[registry] @ git+https://github.com/{owner}/ml-cicd@v1
"""


def _unit(what: str, service: str) -> str:
    return f"""[Unit]
Description={what}
After=network-online.target
Wants=network-online.target

[Service]
User=SERVICE_USER
{service}

[Install]
WantedBy=multi-user.target
"""


def _readme(serving: Serving, model: str) -> str:
    place, ports = serving.place, [str(port) for port in SLOTS.values()]
    return f"""# Where {model} serves

One machine with HAProxy, two slots, and a self-hosted runner with the label `{serving.target}`, which deploys. As the
runner's user, once:

```console
sudo install -d -m 700 -o "$USER" {place}
cp serve/* {place}/
python3 -m venv {place}/.venv
{place}/.venv/bin/pip install -r {place}/requirements.txt
sed -i "s/SERVICE_USER/$USER/" {place}/*.service
sudo cp {place}/*.service /etc/systemd/system/
sudo systemctl enable --now {model}-router {model}-slots
```

The router listens on 127.0.0.1:{PORT} (the line `bind` of haproxy.cfg), the slots on {" and ".join(ports)}.
`split.map` is the router's memory: it belongs to that folder, never to the repository again. Then, from the
repository, with MLFLOW_TRACKING_URI set:

```console
ml-cicd doctor
ml-cicd canary          # the first version is deployed and serves; each later one has to prove itself
curl -s 127.0.0.1:{PORT}/predict -d '{{"inputs": [[0.0]]}}'
```

`ml-cicd init` writes the target into a new ml-cicd.yml. One that was there before needs these lines, and under `gate`
the line `when_no_champion: first_release`, which lets a first model in:

```yaml
registry: {{uri: 'env:MLFLOW_TRACKING_URI'}}
{serving.targets()}```
"""
