package api

import (
	"context"
	"errors"
	"fmt"
	"net/url"
)

// List tells of each object at path, one by one as they arrive, so that a list may be larger than what is held of it. It is
// bounded by ctx alone. After an error an unknown part of the list was told.
func List[T any](ctx context.Context, c *Client, path string, query url.Values, seen func(T)) error {
	response, err := c.stream(ctx, path, query)
	if err != nil {
		return err
	}
	defer closeAnswer(response)
	version, err := readList(response.Body, seen)
	if err == nil && version == "" {
		err = errors.New("the answer has no resourceVersion, want a list")
	}
	if err != nil {
		return fmt.Errorf("GET %s: read the list: %w", path, err)
	}
	return nil
}
