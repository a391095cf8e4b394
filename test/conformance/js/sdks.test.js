// Drives the server at ENDPOINT with both official JavaScript SDKs, unmodified: the same flow through each.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as v3 from '@aws-sdk/client-ivs-realtime';
import AWS from 'aws-sdk';

const endpoint = process.env.ENDPOINT;
assert.ok(endpoint, 'ENDPOINT must name a running server');

const region = 'us-east-1';
const root = { accessKeyId: 'test', secretAccessKey: 'test' };

/** A client whose methods are the operations, so that one flow fits both SDKs. */
function withV2(credentials = root, options = {}) {
  const client = new AWS.IVSRealTime({ endpoint, region, credentials: new AWS.Credentials(credentials), maxRetries: 0, ...options });
  const call = (operation, input = {}) => {
    const name = operation[0].toLowerCase() + operation.slice(1);
    return client[name](input).promise();
  };
  return { call, code: (error) => error.code, raw: client };
}

function withV3(credentials = root, options = {}) {
  const client = new v3.IVSRealTimeClient({ endpoint, region, credentials, maxAttempts: 1, ...options });
  const call = async (operation, input = {}) => {
    const { $metadata, ...output } = await client.send(new v3[`${operation}Command`](input));
    assert.equal($metadata.httpStatusCode, 200);
    assert.match($metadata.requestId, /^[0-9a-f-]{36}$/);
    return output;
  };
  return { call, code: (error) => error.name, raw: client };
}

const rejects = (sdk, promise, code, status) =>
  assert.rejects(promise, (error) => {
    assert.equal(sdk.code(error), code);
    assert.equal(error.$metadata?.httpStatusCode ?? error.statusCode, status);
    assert.ok(error.message.length > 0, 'the error has a message');
    return true;
  });

for (const [name, make] of [['aws-sdk v2', withV2], ['@aws-sdk v3', withV3]]) {
  test(`${name}: a stage lives and goes`, async () => {
    const sdk = make();
    const { stage, participantTokens } = await sdk.call('CreateStage', {
      name: 'js',
      tags: { a: '1' },
      participantTokenConfigurations: [
        { userId: 'ü', duration: 10, capabilities: ['SUBSCRIBE'] },
        { attributes: { name: 'Zoë' } },
      ],
    });
    assert.match(stage.arn, /^arn:aws:ivs:us-east-1:\d{12}:stage\/[a-zA-Z0-9]{12}$/);
    assert.deepEqual(stage.tags, { a: '1' });
    assert.equal(stage.name, 'js');
    assert.equal(stage.activeSessionId, undefined);
    assert.equal(stage.autoParticipantRecordingConfiguration.storageConfigurationArn, '');
    assert.deepEqual(stage.autoParticipantRecordingConfiguration.mediaTypes, ['AUDIO_VIDEO']);
    assert.ok(stage.endpoints.whip && stage.endpoints.events);
    assert.deepEqual(participantTokens.map((t) => t.userId), ['ü', undefined]);
    assert.deepEqual(participantTokens[0].capabilities, ['SUBSCRIBE']);
    assert.deepEqual(participantTokens[1].capabilities, ['PUBLISH', 'SUBSCRIBE']);
    assert.deepEqual(participantTokens[1].attributes, { name: 'Zoë' });

    const renamed = await sdk.call('UpdateStage', { arn: stage.arn, name: 'renamed' });
    assert.equal(renamed.stage.name, 'renamed');
    assert.deepEqual((await sdk.call('GetStage', { arn: stage.arn })).stage, renamed.stage);

    const { participantToken } = await sdk.call('CreateParticipantToken', { stageArn: stage.arn });
    assert.equal(participantToken.duration, 720);
    assert.ok(participantToken.expirationTime instanceof Date);
    assert.ok(participantToken.expirationTime.getTime() > Date.now() + 11 * 3600_000);
    const claims = JSON.parse(Buffer.from(participantToken.token.split('.')[1], 'base64url'));
    assert.equal(claims.jti, participantToken.participantId);
    assert.equal(claims.resource, stage.arn);

    await sdk.call('DisconnectParticipant', { stageArn: stage.arn, participantId: participantToken.participantId, reason: 'r' });
    assert.deepEqual(await sdk.call('DeleteStage', { arn: stage.arn }), {});
    await rejects(sdk, sdk.call('GetStage', { arn: stage.arn }), 'ResourceNotFoundException', 404);
    await rejects(sdk, sdk.call('DeleteStage', { arn: stage.arn }), 'ResourceNotFoundException', 404);
  });

  test(`${name}: tags`, async () => {
    const sdk = make();
    const { stage } = await sdk.call('CreateStage');
    const resourceArn = stage.arn;
    assert.deepEqual((await sdk.call('ListTagsForResource', { resourceArn })).tags, {});
    await sdk.call('TagResource', { resourceArn, tags: { 'b c': 'é+', d: '', 'e+f': '1' } });
    await sdk.call('UntagResource', { resourceArn, tagKeys: ['d', 'e+f', 'unknown key'] });
    assert.deepEqual((await sdk.call('ListTagsForResource', { resourceArn })).tags, { 'b c': 'é+' });
    await sdk.call('DeleteStage', { arn: stage.arn });
  });

  test(`${name}: pages`, async () => {
    const sdk = make();
    const made = new Set();
    for (let i = 0; i < 5; i++) made.add((await sdk.call('CreateStage', { name: `page-${i}` })).stage.arn);
    const seen = [];
    let nextToken;
    do {
      const page = await sdk.call('ListStages', { maxResults: 2, nextToken });
      assert.ok(page.stages.length <= 2);
      seen.push(...page.stages.map((s) => s.arn));
      nextToken = page.nextToken;
    } while (nextToken);
    assert.equal(new Set(seen).size, seen.length);
    for (const arn of made) {
      assert.ok(seen.includes(arn));
      await sdk.call('DeleteStage', { arn });
    }
  });

  test(`${name}: errors are what the SDK knows`, async () => {
    const sdk = make();
    await rejects(sdk, sdk.call('CreateStage', { name: 'not valid' }), 'ValidationException', 400);
    await rejects(sdk, sdk.call('GetStage', { arn: 'arn:aws:ivs:us-east-1:999999999999:stage/abc' }), 'AccessDeniedException', 403);
    await rejects(sdk, sdk.call('ListStages', { nextToken: 'AAAA' }), 'ValidationException', 400);
    await rejects(sdk, make({ ...root, secretAccessKey: 'wrong' }).call('ListStages'), 'InvalidSignatureException', 403);
    await rejects(sdk, make({ ...root, accessKeyId: 'nobody' }).call('ListStages'), 'UnrecognizedClientException', 403);
    await rejects(sdk, make(root, { region: 'eu-west-1' }).call('ListStages'), 'InvalidSignatureException', 403);
  });

  test(`${name}: a session token is accepted`, async () => {
    const sdk = make({ ...root, sessionToken: 'ignored' });
    assert.ok(Array.isArray((await sdk.call('ListStages')).stages));
  });
}

test('@aws-sdk v3: exceptions are its classes', async () => {
  const sdk = withV3();
  await assert.rejects(sdk.call('CreateStage', { name: 'not valid' }), (error) => {
    assert.ok(error instanceof v3.ValidationException);
    assert.match(error.exceptionMessage, /'name'/);
    assert.equal(error.xFrameOptions, 'DENY');
    return true;
  });
});
