// Sends a receipt for each invoice.paid. Reads SECRET and PORT.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

type event struct {
	ID      string `json:"id"`
	Payload struct {
		InvoiceID   string `json:"invoice_id"`
		AmountCents int    `json:"amount_cents"`
	} `json:"payload"`
}

type result struct {
	EventID string `json:"event_id"`
	State   string `json:"state"`
	Reason  string `json:"reason,omitempty"`
}

const tolerance = 5 * time.Minute

var (
	key  []byte
	done sync.Map
)

// isSigned follows Standard Webhooks: HMAC-SHA256 of id, timestamp and body; any signature will do.
func isSigned(header http.Header, body []byte) bool {
	timestamp := header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > tolerance {
		return false
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", header.Get("webhook-id"), timestamp)
	mac.Write(body)
	own := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, given := range strings.Fields(header.Get("webhook-signature")) {
		if hmac.Equal([]byte(own), []byte(given)) {
			return true
		}
	}
	return false
}

// sendReceipt returns what is not done, and why.
func sendReceipt(e event) *result {
	if e.Payload.AmountCents < 0 {
		return &result{EventID: e.ID, State: "dead", Reason: "a negative amount"}
	}
	if _, isKnown := done.LoadOrStore(e.ID, true); !isKnown {
		fmt.Println("receipt for", e.Payload.InvoiceID)
	}
	return nil
}

func take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var call struct{ Events []event }
	if err != nil || json.Unmarshal(body, &call) != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	if !isSigned(r.Header, body) {
		http.Error(w, "the signature is wrong", http.StatusUnauthorized)
		return
	}
	results := []result{}
	for _, e := range call.Events {
		if open := sendReceipt(e); open != nil {
			results = append(results, *open)
		}
	}
	w.Header().Set("content-type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"results": results})
}

func main() {
	var err error
	key, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("SECRET"), "whsec_"))
	if err != nil {
		log.Fatal("SECRET is not base64: ", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /events", take)
	fmt.Printf("listening on http://%s/events\n", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}
