// toxiproxy.go - Toxiproxy's own client: see toxiproxy.py for the commands, one JSON object a line.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
)

type command struct {
	Op, Name, Listen, Upstream, Toxic, Type, Stream string
	Toxicity                                        float32
	Attributes                                      toxiproxy.Attributes
	Proxies                                         []toxiproxy.Proxy
}

func proxyOf(client *toxiproxy.Client, name string, act func(*toxiproxy.Proxy) error) (any, error) {
	proxy, err := client.Proxy(name)
	if err == nil && act != nil {
		err = act(proxy)
	}
	return proxy, err
}

func execute(client *toxiproxy.Client, c command) (any, error) {
	options := &toxiproxy.ToxicOptions{ProxyName: c.Name, ToxicName: c.Toxic, ToxicType: c.Type, Stream: c.Stream,
		Toxicity: c.Toxicity, Attributes: c.Attributes}
	switch c.Op {
	case "version":
		text, err := client.Version()
		return string(text), err
	case "list":
		return client.Proxies()
	case "create":
		return client.CreateProxy(c.Name, c.Listen, c.Upstream)
	case "get":
		return proxyOf(client, c.Name, nil)
	case "enable":
		return proxyOf(client, c.Name, (*toxiproxy.Proxy).Enable)
	case "disable":
		return proxyOf(client, c.Name, (*toxiproxy.Proxy).Disable)
	case "upstream":
		return proxyOf(client, c.Name, func(proxy *toxiproxy.Proxy) error {
			proxy.Upstream = c.Upstream
			return proxy.Save()
		})
	case "delete":
		return proxyOf(client, c.Name, (*toxiproxy.Proxy).Delete)
	case "populate":
		return client.Populate(c.Proxies)
	case "add":
		return client.AddToxic(options)
	case "toxics":
		proxy, err := client.Proxy(c.Name)
		if err != nil {
			return nil, err
		}
		return proxy.Toxics()
	case "update":
		return client.UpdateToxic(options)
	case "remove":
		return nil, client.RemoveToxic(options)
	case "reset":
		return nil, client.ResetState()
	}
	return nil, errors.New("no such command: " + c.Op)
}

func main() {
	client := toxiproxy.NewClient(os.Args[1])
	lines := bufio.NewScanner(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked command
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		value, err := execute(client, asked)
		var told *toxiproxy.ApiError
		switch {
		case errors.As(err, &told):
			answers.Encode(map[string]any{"raised": fmt.Sprintf("ApiError %d", told.Status), "text": told.Message})
		case err != nil:
			answers.Encode(map[string]any{"raised": fmt.Sprintf("%T", err), "text": err.Error()})
		default:
			answers.Encode(map[string]any{"value": value})
		}
	}
}
