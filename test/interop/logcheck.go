// Command logcheck verifies a log with nothing of ours: golang.org/x/mod/sumdb does the notes, tiles and hashes.
//
//	logcheck PREFIX VKEY
//
// PREFIX is a URL or a folder of c2sp.org/tlog-tiles files. It verifies the checkpoint's signature, the tree under it,
// and every entry. It names the first entry or tile that does not fit and exits with 1.
package main

import (
	"bytes"
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
	leaves, err := readLeaves(size, hash)
	if err != nil {
		return err
	}
	for first := int64(0); first < size; first += width {
		if err := checkBundle(leaves, first); err != nil {
			return err
		}
	}
	fmt.Printf("ok %s %d\n", origin, size)
	return nil
}

// readLeaves reads the leaf hashes out of the lowest tiles and checks that they are those under the root. TileHashReader
// would do, but the version of 2022 leaves some of the tiles that it returns unchecked.
func readLeaves(size int64, root tlog.Hash) ([]tlog.Hash, error) {
	leaves := make([]tlog.Hash, 0, size)
	var stored memory
	for first := int64(0); first < size; first += width {
		data, err := tiles{}.ReadTiles([]tlog.Tile{tileAt(first, size)})
		if err != nil {
			return nil, err
		}
		for at := 0; at+tlog.HashSize <= len(data[0]); at += tlog.HashSize {
			var leaf tlog.Hash
			copy(leaf[:], data[0][at:])
			hashes, err := tlog.StoredHashesForRecordHash(int64(len(leaves)), leaf, stored)
			if err != nil {
				return nil, err
			}
			stored = append(stored, hashes...)
			leaves = append(leaves, leaf)
		}
	}
	if int64(len(leaves)) != size {
		return nil, fmt.Errorf("tiles: %d leaves, and the checkpoint says %d", len(leaves), size)
	}
	if computed, err := tlog.TreeHash(size, stored); err != nil || computed != root {
		return nil, fmt.Errorf("tiles: their leaves are not those under the checkpoint's root")
	}
	return leaves, checkUpperTiles(stored, size)
}

// checkUpperTiles compares the tiles above the lowest ones with the tree.
func checkUpperTiles(stored memory, size int64) error {
	for level := 1; size>>(height*level) > 0; level++ {
		hashes := size >> (height * level)
		for first := int64(0); first < hashes; first += width {
			tile := tileAt(first, hashes)
			tile.L = level
			data, err := tiles{}.ReadTiles([]tlog.Tile{tile})
			if err != nil {
				return err
			}
			var expected []byte
			for i := first; i < first+int64(tile.W); i++ {
				hash := stored[tlog.StoredHashIndex(height*level, i)]
				expected = append(expected, hash[:]...)
			}
			if !bytes.Equal(data[0], expected) {
				return fmt.Errorf("%s is not what the leaves amount to", tile.Path())
			}
		}
	}
	return nil
}

// memory holds the hashes of a tree in the order in which it grew.
type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = m[index]
	}
	return hashes, nil
}

func tileAt(first, size int64) tlog.Tile {
	count := size - first
	if count > width {
		count = width
	}
	return tlog.Tile{H: height, L: 0, N: first / width, W: int(count)}
}

// checkBundle compares the entries from first on with the leaves of the tree.
func checkBundle(leaves []tlog.Hash, first int64) error {
	tile := tileAt(first, int64(len(leaves)))
	path := "tile/entries/" + strings.TrimPrefix(tile.Path(), "tile/8/0/")
	bundle, err := get(path)
	if err != nil {
		return err
	}
	for i := first; i < first+int64(tile.W); i++ {
		if len(bundle) < 2 {
			return fmt.Errorf("entry %d is missing", i)
		}
		length := int(binary.BigEndian.Uint16(bundle))
		if len(bundle) < 2+length {
			return fmt.Errorf("entry %d is cut off", i)
		}
		entry := bundle[2 : 2+length]
		bundle = bundle[2+length:]
		if tlog.Hash(sha256.Sum256(append([]byte{0}, entry...))) != leaves[i] {
			return fmt.Errorf("entry %d was tampered with", i)
		}
	}
	if len(bundle) > 0 {
		return fmt.Errorf("%s has more than %d entries", path, tile.W)
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
