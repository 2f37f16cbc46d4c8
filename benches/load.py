"""Load for the servers that are compared: concurrent requests, or requests at a steady pace."""
import http.client
import os
import re
import shutil
import subprocess
import threading
import time

from servers import harness, request_of

RESULT = re.compile(r"RESULT rps=(\S+) p50_ms=(\S+) p99_ms=(\S+) n=(\d+) socket_errors=(\d+) non2xx=(\d+)")
# Connections of the steady pace. Each is idle long before it is needed, unless the server falls behind.
PACED_CONNECTIONS = 16
MOST_ROUND_S = 60


def need_wrk():
    if not shutil.which("wrk"):
        apt = ["apt-get"] if os.geteuid() == 0 else ["sudo", "apt-get"]
        subprocess.run([*apt, "update", "-q"], check=True)
        subprocess.run([*apt, "install", "-y", "-q", "--no-install-recommends", "wrk"], check=True)


def at_once(script, server, picture, connections, seconds):
    """`connections` callers; each sends its next request when it has an answer. `threads_cpu_s` has the CPU
    seconds by the name of the thread. At the end wrk hangs up on requests, some of which are finished all the
    same: `finished` counts them too, as the CPU seconds have their work."""
    environment = {**os.environ, "IMG": str(picture), "URL": f"http://127.0.0.1:{server.port}{harness.KAIROS_PATH}",
                   "APP_ID": harness.APP_ID, "APP_KEY": harness.APP_KEY}
    threads_before, process_before = server.cpu_s(), server.process_cpu_s()
    run = subprocess.run([script, str(connections), str(seconds)], env=environment, capture_output=True, text=True,
                         timeout=seconds + 120)
    server.settle()
    spent = {"cpu_s": server.process_cpu_s() - process_before, "threads_cpu_s": since(threads_before, server.cpu_s())}
    found = RESULT.search(run.stdout)
    if not found:
        raise SystemExit(f"{script}: {run.stdout[-500:]}{run.stderr[-500:]}")
    rps, p50, p99 = map(float, found.groups()[:3])
    answered, socket_errors, refused = map(int, found.groups()[3:])
    if answered == 0 and seconds < MOST_ROUND_S:
        # The round was too short for that many callers.
        return at_once(script, server, picture, connections, 2 * seconds)
    if answered == 0:
        raise SystemExit(f"{server.name}: no answer within {seconds} s")
    return {"seconds": seconds, "rps": rps, "p50_ms": p50, "p99_ms": p99, "requests": answered,
            "finished": answered + server.finished_unheard(connections), "errors": socket_errors,
            "not_2xx": refused, **spent}


def since(before, after):
    return {name: spent - before.get(name, 0.0) for name, spent in after.items()}


def at_a_pace(server, picture, per_second, seconds):
    """Requests that are sent when they are due, also while earlier ones have no answer. A time counts from
    the moment when the request was due, so that a server that stalls is charged for all that waited."""
    (headers, body), count = request_of(picture), int(per_second * seconds)
    due, lock = iter(range(count)), threading.Lock()
    times_ms, errors = [], []
    began = time.monotonic() + 0.2

    def caller():
        connection = server.connect()
        while True:
            with lock:
                number = next(due, None)
            if number is None:
                return connection.close()
            at = began + number / per_second
            time.sleep(max(at - time.monotonic(), 0))
            try:
                connection.request("POST", harness.KAIROS_PATH, body, headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    times_ms.append((time.monotonic() - at) * 1e3)
                else:
                    errors.append(str(answer.status))
            except (OSError, http.client.HTTPException) as error:
                errors.append(repr(error))
                connection.close()

    callers = [threading.Thread(target=caller, daemon=True) for _ in range(PACED_CONNECTIONS)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    if not times_ms:
        raise SystemExit(f"{server.name}: no request is answered: {errors[:3]}")
    return {"per_second": per_second, "p50_ms": percentile(times_ms, 50), "p99_ms": percentile(times_ms, 99),
            "requests": count, "errors": errors}


def percentile(values, percent):
    """The smallest value that `percent` of the values do not exceed."""
    rank = -(-len(values) * percent // 100)
    return sorted(values)[max(rank, 1) - 1]
