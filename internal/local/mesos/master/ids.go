package master

import (
	"crypto/rand"
	"fmt"
	"net"
	"strconv"
)

// newUUID is 16 random bytes in the form of an RFC 4122 UUID of version 4.
func newUUID() []byte {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return b
}

func formatUUID(b []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// validUUID says whether bytes are a UUID: 16 of them, with RFC 4122's variant.
func validUUID(b []byte) bool { return len(b) == 16 && b[8]&0xc0 == 0x80 }

func agentPID(ip string, port int32) string {
	return "slave(1)@" + net.JoinHostPort(ip, strconv.Itoa(int(port)))
}
