// Requests over HTTP/2 of Go's net/http, over TLS.
//
// usage: client URL AUTHORITY (METHOD PATH BODY-FILE)...      "-" where there is no file
//
// The first request runs alone, then all others at the same time. Prints for each one, in order:
// status, HTTP version, length of the content, SHA-256 of the content.
package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
)

func main() {
	pem, err := os.ReadFile(os.Args[2])
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool},
		ForceAttemptHTTP2: true,
	}}
	rest := os.Args[3:]
	lines := make([]string, len(rest)/3)
	var group sync.WaitGroup
	for i := range lines {
		method, path, file := rest[3*i], rest[3*i+1], rest[3*i+2]
		group.Add(1)
		go func(i int) {
			defer group.Done()
			lines[i] = exchange(client, method, os.Args[1]+path, file)
		}(i)
		if i == 0 {
			group.Wait()
		}
	}
	group.Wait()
	for _, line := range lines {
		fmt.Println(line)
	}
}

func exchange(client *http.Client, method string, url string, file string) string {
	var body io.Reader
	var size int64
	if file != "-" {
		content, err := os.Open(file)
		check(err)
		info, err := content.Stat()
		check(err)
		body, size = content, info.Size()
	}
	request, err := http.NewRequest(method, url, body)
	check(err)
	request.ContentLength = size
	response, err := client.Do(request)
	check(err)
	defer response.Body.Close()
	hash := sha256.New()
	length, err := io.Copy(hash, response.Body)
	check(err)
	version := map[int]string{1: "1.1", 2: "2"}[response.ProtoMajor]
	return fmt.Sprintf("%d %s %d %x", response.StatusCode, version, length, hash.Sum(nil))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
