// Lists tar archives as Go's standard library reads them: one line for each archive, and below it one for
// each entry. Names, targets and texts are in hex behind a point.
package main

import (
	"archive/tar"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

func main() {
	for _, name := range os.Args[1:] {
		fmt.Printf("archive %s\n", name)
		if err := list(name); err != nil {
			fmt.Printf("error .%x\n", err.Error())
		}
	}
}

func list(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	reader := tar.NewReader(file)
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		hash := sha256.New()
		if _, err := io.Copy(hash, reader); err != nil {
			return err
		}
		fmt.Printf("entry %c %o %d .%x .%x %x\n", header.Typeflag, header.Mode, header.Size, header.Name, header.Linkname, hash.Sum(nil))
	}
}
