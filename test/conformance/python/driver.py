"""Makes calls with boto3 or the AWS CLI, unmodified: reads calls from its input, a JSON object a line, and
writes what came back."""

import contextlib
import datetime
import io
import json
import os
import re
import sys
import tempfile

SERVICES = {"realtime": "ivs-realtime", "channel": "ivs"}
ENDPOINTS = {"realtime": os.environ.get("ENDPOINT"), "channel": os.environ.get("CHANNEL_ENDPOINT")}


def snake(name):
    from botocore import xform_name

    return xform_name(name)


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat()
    raise TypeError(value)


class Boto3:
    def __init__(self):
        import boto3
        from botocore.config import Config

        # what is sent is for the server to judge
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        self.clients = {
            api: boto3.client(service, endpoint_url=ENDPOINTS[api], config=config) for api, service in SERVICES.items()
        }

    def call(self, api, operation, given):
        from botocore.exceptions import ClientError

        method = getattr(self.clients[api], snake(operation), None)
        if method is None:
            return {"unsent": "the SDK does not have the operation"}
        try:
            body = method(**given)
        except ClientError as e:
            return {
                "status": e.response["ResponseMetadata"]["HTTPStatusCode"],
                "error": e.response["Error"]["Code"],
                "message": e.response["Error"]["Message"],
            }
        except Exception as e:  # whatever keeps the SDK from sending
            return {"unsent": f"the SDK refuses it: {e}"}
        status = body.pop("ResponseMetadata")["HTTPStatusCode"]
        return {"status": status, "body": body}


class CLI:
    """The CLI in one process: its own start takes longer than a call."""

    def __init__(self):
        from awscli.clidriver import create_clidriver

        self.driver = create_clidriver()

    def call(self, api, operation, given):
        out, err = io.StringIO(), io.StringIO()
        arguments = [SERVICES[api], snake(operation).replace("_", "-"), "--endpoint-url", ENDPOINTS[api]]
        arguments += ["--output", "json"]
        arguments += ["--no-paginate"] if "nextToken" in given or "maxResults" in given else []
        arguments += ["--cli-input-json", json.dumps(given)]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = self.driver.main(arguments)
            except SystemExit as e:
                code = e.code
        if code == 0:
            text = out.getvalue().strip()
            return {"status": 0, "body": json.loads(text) if text else None}
        retried = r"(?: \(reached max retries: \d+\))?"
        told = r"An error occurred \((\w+)\) when calling the \w+ operation" + retried + r": (.*)"
        failed = re.search(told, err.getvalue(), re.S)
        if not failed:
            return {"unsent": "the CLI refuses it: " + err.getvalue().strip()[:300]}
        return {"status": 0, "error": failed[1], "message": failed[2].strip()}


def main():
    which = sys.argv[1].removeprefix("probe-")
    if sys.argv[1].startswith("probe-"):
        import botocore.session

        botocore.session.get_session().get_service_model("ivs-realtime")
        __import__("boto3" if which == "boto3" else "awscli.clidriver")
        return
    with tempfile.TemporaryDirectory() as folder:  # the user's own settings are none of ours
        os.environ["AWS_CONFIG_FILE"] = os.path.join(folder, "config")
        with open(os.environ["AWS_CONFIG_FILE"], "w", encoding="utf-8") as f:
            f.write("[default]\nparameter_validation = false\nretry_mode = standard\nmax_attempts = 1\n")
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.path.join(folder, "credentials")
        client = Boto3() if which == "boto3" else CLI()
        out = sys.stdout
        for line in sys.stdin:
            order = json.loads(line)
            answer = client.call(order["api"], order["operation"], order["input"])
            out.write(json.dumps(answer, default=plain) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
