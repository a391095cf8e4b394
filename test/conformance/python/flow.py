"""Drives the server at ENDPOINT with botocore, unmodified: what boto3 and the AWS CLI stand on."""

import datetime
import os

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["ENDPOINT"]


def client(key="test", secret="test", region="us-east-1", token=None):
    return botocore.session.get_session().create_client(
        "ivs-realtime",
        endpoint_url=ENDPOINT,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}),
    )


def refused(code, status, call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        assert e.response["Error"]["Code"] == code, e.response
        assert e.response["Error"]["Message"], e.response
        assert e.response["ResponseMetadata"]["HTTPStatusCode"] == status, e.response
        return e
    raise AssertionError(f"{code} was not raised")


c = client()
made = c.create_stage(
    name="py",
    tags={"a": "1"},
    participantTokenConfigurations=[{"userId": "ü", "duration": 10, "capabilities": ["SUBSCRIBE"]}],
)
stage, arn = made["stage"], made["stage"]["arn"]
assert stage["tags"] == {"a": "1"} and stage["name"] == "py" and "activeSessionId" not in stage, stage
assert stage["autoParticipantRecordingConfiguration"]["recordParticipantReplicas"] is True, stage
assert made["participantTokens"][0]["userId"] == "ü", made
assert c.update_stage(arn=arn, name="renamed")["stage"]["name"] == "renamed"
assert c.get_stage(arn=arn)["stage"]["name"] == "renamed"
token = c.create_participant_token(stageArn=arn, attributes={"k": "é"})["participantToken"]
assert token["duration"] == 720 and token["capabilities"] == ["PUBLISH", "SUBSCRIBE"], token
assert token["expirationTime"] > datetime.datetime.now(datetime.timezone.utc), token
c.disconnect_participant(stageArn=arn, participantId=token["participantId"], reason="r")

c.tag_resource(resourceArn=arn, tags={"b c": "é+", "e+f": "1"})
c.untag_resource(resourceArn=arn, tagKeys=["e+f", "unknown key", "a"])
assert c.list_tags_for_resource(resourceArn=arn)["tags"] == {"b c": "é+"}

others = [c.create_stage()["stage"]["arn"] for _ in range(4)]
listed, following = [], {}
while True:
    page = c.list_stages(maxResults=2, **following)
    listed += [s["arn"] for s in page["stages"]]
    if "nextToken" not in page:
        break
    following = {"nextToken": page["nextToken"]}
assert set(others + [arn]) <= set(listed) and len(set(listed)) == len(listed), listed

for made_here in others + [arn]:
    c.delete_stage(arn=made_here)
gone = refused("ResourceNotFoundException", 404, c.get_stage, arn=arn)
assert isinstance(gone, c.exceptions.ResourceNotFoundException), gone
refused("ValidationException", 400, c.create_stage, name="not valid")
refused("AccessDeniedException", 403, c.get_stage, arn="arn:aws:ivs:us-east-1:999999999999:stage/abc")
refused("InvalidSignatureException", 403, client(secret="wrong").list_stages)
refused("UnrecognizedClientException", 403, client(key="nobody").list_stages)
refused("InvalidSignatureException", 403, client(region="eu-west-1").list_stages)
assert client(token="ignored").list_stages()["stages"] is not None
