#!/usr/bin/env python3
"""How much a delay before every answer of S3 costs when a day of log files is searched.

Usage: trail_bucket.py DOCTOR [--files 2000] [--delay 50] [--runs 3]

Needs MiniStack and boto3 (`pip install ministack==1.5.33 boto3`) in the Python that runs it. Fills a
bucket of MiniStack's with one day of log files, then searches it through a proxy, without delay and
with it. The target: with 50 ms at most 1.25 times the time without.
"""
import argparse
import asyncio
import gzip
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service/orders"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Proxy:
    """Passes bytes through; each time the client speaks after an answer, it waits first."""

    def __init__(self, upstream):
        self.upstream, self.delay, self.port = upstream, 0.0, free_port()
        ready = threading.Event()
        threading.Thread(target=self.run, args=(ready,), daemon=True).start()
        ready.wait()

    def run(self, ready):
        async def main():
            server = await asyncio.start_server(self.serve, "127.0.0.1", self.port, backlog=1024)
            ready.set()
            await server.serve_forever()

        asyncio.run(main())

    async def serve(self, reader, writer):
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)

            async def pass_on(source, sink, delayed):
                while data := await source.read(1 << 16):
                    if delayed and self.delay:
                        await asyncio.sleep(self.delay)
                    sink.write(data)
                    await sink.drain()
                sink.close()

            await asyncio.gather(pass_on(reader, up_writer, True), pass_on(up_reader, writer, False))
        except OSError:
            writer.close()


def log(number):
    """About a hundred records, one of them a denial in every tenth file."""
    record = {
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/orders/s",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE}},
        },
        "eventTime": "2026-03-02T10:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "PutObject",
        "awsRegion": "eu-west-1",
        "requestParameters": {"bucketName": "orders", "key": "k"},
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Data",
    }
    records = [dict(record, eventID=f"{number}-{at}", requestID=os.urandom(16).hex()) for at in range(100)]
    if number % 10 == 0:
        records[50] = dict(record, errorCode="AccessDenied", errorMessage="Access Denied", eventID=f"denied-{number}")
    return gzip.compress(json.dumps({"Records": records}, separators=(",", ":")).encode())


def fill(port, files):
    options = {
        "endpoint_url": f"http://127.0.0.1:{port}",
        "region_name": "eu-west-1",
        "aws_access_key_id": ACCOUNT,
        "aws_secret_access_key": "test",
    }
    s3 = boto3.client("s3", **options)
    s3.create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

    def put(number):
        day = f"AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/2026/03/02"
        key = f"{day}/{ACCOUNT}_CloudTrail_eu-west-1_20260302T{number // 60 % 24:02}{number % 60:02}Z_{number:016}.json.gz"
        s3.put_object(Bucket="logs", Key=key, Body=log(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(files)))
    trail = boto3.client("cloudtrail", **options)
    trail.create_trail(Name="main", S3BucketName="logs", IsMultiRegionTrail=True)
    trail.put_event_selectors(
        TrailName="main",
        EventSelectors=[
            {
                "ReadWriteType": "All",
                "IncludeManagementEvents": True,
                "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}],
            }
        ],
    )


def search(doctor, port, files):
    command = [doctor, "denials", "--source", "trail", "--role", ROLE, "--since", "2026-03-02"]
    command += ["--until", "2026-03-03", "-o", "json", "--region", "eu-west-1"]
    command += ["--endpoint-url", f"http://127.0.0.1:{port}"]
    environment = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test", "PATH": os.environ["PATH"]}
    begun = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    took = time.monotonic() - begun
    answer = json.loads(done.stdout)
    found = sum(group["count"] for group in answer["denials"])
    if found != (files + 9) // 10 or not answer["complete"]:
        sys.exit(f"wrong answer: {found} denials, complete: {answer['complete']}, {answer['coverage']['problems'][:2]}")
    return took


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("doctor")
    options.add_argument("--files", type=int, default=2000)
    options.add_argument("--delay", type=float, default=50, help="milliseconds")
    options.add_argument("--runs", type=int, default=3)
    given = options.parse_args()
    port = free_port()
    program = os.path.join(os.path.dirname(sys.executable), "ministack")
    environment = dict(os.environ, GATEWAY_PORT=str(port), BIND_HOST="127.0.0.1")
    server = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.1)
        fill(port, given.files)
        proxy = Proxy(port)
        medians = []
        for delay in (0, given.delay):
            proxy.delay = delay / 1000
            runs = [search(given.doctor, proxy.port, given.files) for _ in range(given.runs)]
            medians.append(statistics.median(runs))
            print(f"{given.files} files, {delay:g} ms: {medians[-1]:.2f} s ({', '.join(f'{run:.2f}' for run in runs)})")
        print(f"ratio {medians[1] / medians[0]:.2f}")
    finally:
        server.terminate()


main()
