"""S3: what each stage of a training, and a prediction, asks of an S3 service, counted by a proxy in front of a real one on this machine."""

import contextlib
import datetime
import json
import random
import socket
import subprocess
import time
import urllib.error
import urllib.request

from harness import inputs
from harness.counting import Proxy
from harness.pipelines import demo_grid
from harness.process import Failed, run

KEYS = ("faultline", "only-for-this-machine")
# Files and rows of each: the first is shown in full, the others tell what more files and more rows ask for.
SIZES, QUICK_SIZES = ((10, 1_000), (20, 1_000), (10, 1_500)), ((10, 30),)
PATIENCE_SECS = 120
# The kinds of requests that are counted apart.
KINDS = ("get", "list", "put", "other")
RUNNER = "the runner's record and logs"


def counted(setting):
    """Requests and bytes by stage for a training on files in the store, and for the stage that only a prediction of them has; one entry per size."""
    return [of_size(setting, *size) for size in (QUICK_SIZES if setting.quick else SIZES)]


def of_size(setting, count, rows_per_file):
    files = inputs.batch_files(setting, count, rows_per_file)
    with server(setting) as (port, filer):
        for path in sorted(files.glob("*.csv")):
            request = urllib.request.Request(f"http://127.0.0.1:{filer}/buckets/faultline/raw/{path.name}", path.read_bytes(), method="PUT")
            urllib.request.urlopen(request).close()
        proxies, state = {"train": Proxy(port), "predict": Proxy(port)}, setting.fresh("requests/state")
        stages = {name: by_stage(proxy, pipeline(setting, state, proxy, name)) for name, proxy in proxies.items()}
    sizes = sum(path.stat().st_size for path in files.glob("*.csv"))
    both = {**stages["train"], "predict": stages["predict"]["predict"]}
    return {"rows": count * rows_per_file, "files": count, "raw_bytes": sizes, "stages": both}


def by_stage(proxy, record):
    stages = {}
    for seen in proxy.seen:
        stage = stages.setdefault(stage_of(seen, record), dict.fromkeys((*KINDS, "bytes_in", "bytes_out"), 0))
        stage[kind(seen)] += 1
        stage["bytes_in"] += seen.answered_bytes
        stage["bytes_out"] += seen.sent_bytes
    return stages


def kind(seen):
    if seen.method == "GET" and "list-type=" in seen.target:
        return "list"
    return {"GET": "get", "PUT": "put"}.get(seen.method, "other")


def pipeline(setting, state, proxy, name):
    """The record of a run of that Pipeline."""
    params = {
        "raw-uri": "s3://faultline/raw",
        "root-uri": "s3://faultline/store",
        "records-uri": f"sqlite://{state}/records.sqlite",
        **({"params-uri": demo_grid(setting)} if name == "train" else {}),
    }
    command = [setting.program("faultline"), "run", setting.checkout / f"pipelines/{name}.yaml", "--run-id", name]
    command += ["--state-dir", state, "--output", "json"]
    for param, value in params.items():
        command += ["-p", f"{param}={value}"]
    run(*command, **credentials(proxy.port))
    return json.loads((state / f"runs/{name}/_run/record.json").read_text())


def credentials(port):
    return {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEYS[0],
        "AWS_SECRET_ACCESS_KEY": KEYS[1],
    }


def stage_of(seen, record):
    """Stages run one after the other, so the time of a request tells whose it is."""
    if "/_run/" in seen.target or "_run%2F" in seen.target:
        return RUNNER
    begin = datetime.datetime.fromisoformat(record["started_at"]).timestamp()
    started = [task for task in record["tasks"] if task["started_secs"] is not None]
    before = [task for task in started if begin + task["started_secs"] <= seen.at]
    return max(before, key=lambda task: task["started_secs"])["name"] if before else RUNNER


@contextlib.contextmanager
def server(setting):
    """SeaweedFS on ports of its own; that of its S3 service and that of its files."""
    folder = setting.fresh("requests/seaweedfs")
    identity = {"accessKey": KEYS[0], "secretKey": KEYS[1]}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identities = {"identities": [{"name": "faultline", "credentials": [identity], "actions": actions}]}
    (folder / "s3.json").write_text(json.dumps(identities))
    ports = free_ports(5)
    command = [setting.checkout / "scripts/serve", "seaweedfs", folder, *map(str, ports)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        await_server(process, ports, folder / "log")
        yield ports[0], ports[3]
    finally:
        process.terminate()
        process.wait()


def await_server(process, ports, log):
    wanted = {f"http://127.0.0.1:{ports[3]}/buckets/faultline/": 200, f"http://127.0.0.1:{ports[0]}/faultline": 403}
    deadline = time.monotonic() + PATIENCE_SECS
    for url, expected in wanted.items():
        while status(url) != expected:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"SeaweedFS did not start; see {log}")
            time.sleep(0.2)


def status(url):
    try:
        return urllib.request.urlopen(url, timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def free_ports(count):
    """Ports that nobody listens on, each with the one 10,000 above, which the server takes as well."""

    def is_free(port):
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", port)) != 0

    ports = (port for port in random.sample(range(20_000, 29_000), 200) if is_free(port) and is_free(port + 10_000))
    return [next(ports) for _ in range(count)]
