package api

import (
	"context"

	"github.com/proscenium-live/proscenium/internal/control"
	"github.com/proscenium-live/proscenium/internal/live"
	"github.com/proscenium-live/proscenium/internal/wire/realtime"
)

// ImportPublicKey keeps the public half of a key that a customer signs tokens with.
func (s *service) ImportPublicKey(
	ctx context.Context, in *realtime.ImportPublicKeyInput,
) (*realtime.ImportPublicKeyOutput, error) {
	key, err := s.PublicKeys.Import(ctx, control.ImportPublicKey{
		Material: value(in.PublicKeyMaterial),
		Name:     value(in.Name),
		Tags:     live.Tags(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &realtime.ImportPublicKeyOutput{PublicKey: publicKeyTo(key)}, nil
}

// GetPublicKey tells of a key.
func (s *service) GetPublicKey(ctx context.Context, in *realtime.GetPublicKeyInput) (*realtime.GetPublicKeyOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	key, err := s.PublicKeys.Get(ctx, arn)
	if err != nil {
		return nil, err
	}
	return &realtime.GetPublicKeyOutput{PublicKey: publicKeyTo(key)}, nil
}

// DeletePublicKey removes a key; its tokens let nobody in from then on.
func (s *service) DeletePublicKey(
	ctx context.Context, in *realtime.DeletePublicKeyInput,
) (*realtime.DeletePublicKeyOutput, error) {
	arn, err := arnOf(in.ARN)
	if err != nil {
		return nil, err
	}
	return &realtime.DeletePublicKeyOutput{}, s.PublicKeys.Delete(ctx, arn)
}

// ListPublicKeys tells of the account's keys, page by page.
func (s *service) ListPublicKeys(
	ctx context.Context, in *realtime.ListPublicKeysInput,
) (*realtime.ListPublicKeysOutput, error) {
	keys, next, err := s.PublicKeys.List(ctx, page(in.NextToken, in.MaxResults))
	if err != nil {
		return nil, err
	}
	return &realtime.ListPublicKeysOutput{
		PublicKeys: each(keys, func(k live.PublicKey) realtime.PublicKeySummary {
			return realtime.PublicKeySummary{ARN: new(k.ARN.String()), Name: &k.Name, Tags: k.Tags}
		}),
		NextToken: given(next),
	}, nil
}

func publicKeyTo(k live.PublicKey) *realtime.PublicKey {
	return &realtime.PublicKey{
		ARN:               new(k.ARN.String()),
		Name:              &k.Name,
		PublicKeyMaterial: &k.Material,
		Fingerprint:       &k.Fingerprint,
		Tags:              k.Tags,
	}
}
