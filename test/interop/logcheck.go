// Command logcheck verifies a log with nothing of ours: golang.org/x/mod/sumdb does the notes, tiles and hashes.
//
//	logcheck PREFIX VKEY
//
// PREFIX is a URL or a folder of c2sp.org/tlog-tiles files. It verifies the checkpoint's signature, the tree under it,
// and every entry. It names the first entry or tile that does not fit and exits with 1.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8
const width = 1 << height

var prefix string

func get(path string) ([]byte, error) {
	if !strings.HasPrefix(prefix, "http") {
		return os.ReadFile(filepath.Join(prefix, filepath.FromSlash(path)))
	}
	request, err := http.NewRequest("GET", prefix+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	if token := os.Getenv("LOGCHECK_TOKEN"); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	return io.ReadAll(response.Body)
}

// tiles reads tiles of height 8, whose paths the specification writes without the height.
type tiles struct{}

func (tiles) Height() int { return height }

func (tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(wanted))
	for i, tile := range wanted {
		data, err := get("tile/" + strings.TrimPrefix(tile.Path(), "tile/8/"))
		if err != nil {
			return nil, err
		}
		all[i] = data
	}
	return all, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func check(vkey string) error {
	signed, err := get("checkpoint")
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return fmt.Errorf("checkpoint: %v", err)
	}
	var origin, root string
	var size int64
	if _, err := fmt.Sscanf(opened.Text, "%s\n%d\n%s\n", &origin, &size, &root); err != nil {
		return fmt.Errorf("checkpoint: %v", err)
	}
	hash, err := tlog.ParseHash(root)
	if err != nil {
		return fmt.Errorf("checkpoint: %v", err)
	}
	if origin != verifier.Name() {
		return fmt.Errorf("checkpoint of %s, signed by %s", origin, verifier.Name())
	}
	// Authenticates every tile that it reads against the tree's root.
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: hash}, tiles{})
	for first := int64(0); first < size; first += width {
		count := size - first
		if count > width {
			count = width
		}
		if err := checkBundle(reader, first, count); err != nil {
			return err
		}
	}
	fmt.Printf("ok %s %d\n", origin, size)
	return nil
}

// checkBundle compares the entries [first, first+count) with the leaves of the tree.
func checkBundle(reader tlog.HashReader, first, count int64) error {
	tile := tlog.Tile{H: height, L: 0, N: first / width, W: int(count)}
	path := "tile/entries/" + strings.TrimPrefix(tile.Path(), "tile/8/0/")
	bundle, err := get(path)
	if err != nil {
		return err
	}
	indexes := make([]int64, count)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
	}
	leaves, err := reader.ReadHashes(indexes)
	if err != nil {
		return fmt.Errorf("entries from %d on: %v", first, err)
	}
	for i, leaf := range leaves {
		if len(bundle) < 2 {
			return fmt.Errorf("entry %d is missing", first+int64(i))
		}
		length := int(binary.BigEndian.Uint16(bundle))
		if len(bundle) < 2+length {
			return fmt.Errorf("entry %d is cut off", first+int64(i))
		}
		entry := bundle[2 : 2+length]
		bundle = bundle[2+length:]
		if tlog.Hash(sha256.Sum256(append([]byte{0}, entry...))) != leaf {
			return fmt.Errorf("entry %d was tampered with", first+int64(i))
		}
	}
	if len(bundle) > 0 {
		return fmt.Errorf("%s has more than %d entries", path, count)
	}
	return nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: logcheck PREFIX VKEY")
		os.Exit(2)
	}
	prefix = strings.TrimSuffix(os.Args[1], "/")
	if err := check(os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
