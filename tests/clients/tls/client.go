// client asks a server once per line of stdin, over TLS, and says in one line what came of it.
// A line is the time-out in ms.
// Arguments: the file of its CA, "" for those of the system; and the port.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

func ask(config *tls.Config, port string, limit time.Duration) string {
	dialer := &net.Dialer{Timeout: limit}
	sock, err := tls.DialWithDialer(dialer, "tcp", "localhost:"+port, config)
	if err != nil {
		return err.Error()
	}
	defer sock.Close()
	sock.SetDeadline(time.Now().Add(limit))
	fmt.Fprint(sock, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	all, err := io.ReadAll(sock)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("ok %d", len(all))
}

func main() {
	var roots *x509.CertPool // those of the system
	if os.Args[1] != "" {
		pem, _ := os.ReadFile(os.Args[1])
		roots = x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
	}
	config := &tls.Config{RootCAs: roots, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		ms, _ := strconv.Atoi(lines.Text())
		fmt.Println(strings.ReplaceAll(ask(config, os.Args[2], time.Duration(ms)*time.Millisecond), "\n", " "))
	}
}
