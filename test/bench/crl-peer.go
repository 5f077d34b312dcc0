// A CRL of N entries with Go's crypto/x509: serial numbers of 16 octets and a reason code each, from memory to memory.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"os"
	"strconv"
	"syscall"
	"time"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func usage() syscall.Rusage {
	var r syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return r
}

func cpu(r syscall.Rusage) float64 {
	return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
}

func main() {
	n, err := strconv.Atoi(os.Args[1])
	must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "an issuer"},
		NotBefore:             time.Now(),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCRLSign | x509.KeyUsageCertSign,
		SubjectKeyId:          []byte{1, 2, 3, 4},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	issuer, err := x509.ParseCertificate(der)
	must(err)
	now := time.Now().UTC().Truncate(time.Second)
	entries := make([]x509.RevocationListEntry, n)
	for i := range entries {
		serial := make([]byte, 16)
		_, err = rand.Read(serial)
		must(err)
		serial[0] = serial[0]&0x3f | 0x40
		entries[i] = x509.RevocationListEntry{SerialNumber: new(big.Int).SetBytes(serial), RevocationTime: now, ReasonCode: 4}
	}
	before, started := cpu(usage()), time.Now()
	crl, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		RevokedCertificateEntries: entries,
		Number:                    big.NewInt(now.UnixMilli()),
		ThisUpdate:                now,
		NextUpdate:                now.Add(24 * time.Hour),
	}, issuer, key)
	must(err)
	wall := time.Since(started).Seconds()
	after := usage()
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"seconds": wall, "cpuSeconds": cpu(after) - before, "peakMiB": float64(after.Maxrss) / 1024, "size": len(crl),
	}))
}
