# SPDX-License-Identifier: MPL-2.0
"""A WebSocket client of the standard library alone, which can also break the rules."""
import base64
import hashlib
import json
import os
import socket
import struct

import harness

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
PROTOCOL = "arena.session.v1"


class Refused(Exception):
    def __init__(self, status, headers, body):
        super().__init__(f"{status} {body!r}")
        self.status, self.headers, self.body = status, headers, body


class Closed(Exception):
    """The server's close: its code and reason; 1006 when there was none."""

    def __init__(self, code, reason=""):
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason


class WebSocket:
    def __init__(self, port, path="/api/sessions", headers=None, timeout=60, receive=None,
                 tls=False):
        self.socket = socket.socket()
        if receive:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        if tls:
            self.socket = harness.ANY_SERVER.wrap_socket(self.socket)
        self.buffer = b""
        self.key = base64.b64encode(os.urandom(16))
        head = {"Host": "127.0.0.1", "Connection": "Upgrade", "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": self.key.decode(),
                "Sec-WebSocket-Protocol": PROTOCOL, **(headers or {})}
        lines = [f"GET {path} HTTP/1.1"] + [f"{k}: {v}" for k, v in head.items() if v is not None]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self._read_answer()

    def _read_answer(self):
        while b"\r\n\r\n" not in self.buffer:
            got = self.socket.recv(65536)
            if not got:
                raise Refused(0, {}, self.buffer)
            self.buffer += got
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *rest = head.decode().split("\r\n")
        self.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in rest)}
        status = int(first.split()[1])
        if status != 101:
            length = int(self.headers.get("content-length", 0))
            while len(self.buffer) < length:
                self.buffer += self.socket.recv(65536)
            self.close()
            raise Refused(status, self.headers, self.buffer)
        want = base64.b64encode(hashlib.sha1(self.key + GUID).digest()).decode()
        assert self.headers["sec-websocket-accept"] == want, self.headers
        assert self.headers["upgrade"].lower() == "websocket"

    def close(self):
        self.socket.close()

    # --- frames -------------------------------------------------------------------------------
    def frame(self, opcode, payload, fin=True, mask=True, rsv=0):
        head = bytes([fin << 7 | rsv << 4 | opcode])
        bit = 0x80 if mask else 0
        if len(payload) < 126:
            head += bytes([bit | len(payload)])
        elif len(payload) < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
        if not mask:
            return head + payload
        key = os.urandom(4)
        long = (key * (len(payload) // 4 + 1))[:len(payload)]
        mixed = (int.from_bytes(payload, "big") ^ int.from_bytes(long, "big")).to_bytes(
            len(payload), "big")
        return head + key + mixed

    def send(self, opcode, payload, **how):
        self.socket.sendall(self.frame(opcode, payload, **how))

    def say(self, **message):
        self.send(TEXT, json.dumps(message).encode())

    def type(self, data):
        self.send(BINARY, b"\0" + data)

    def _exactly(self, count):
        while len(self.buffer) < count:
            try:
                got = self.socket.recv(65536)
            except ConnectionError:
                got = b""
            if not got:
                raise Closed(1006, "no close frame")
            self.buffer += got
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def receive(self):
        """(opcode, payload) of the next data frame; pings are answered, a close is raised."""
        while True:
            first, second = self._exactly(2)
            assert not second & 0x80, "the server masks"
            length = second & 0x7f
            if length == 126:
                length = struct.unpack(">H", self._exactly(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self._exactly(8))[0]
            payload = self._exactly(length)
            opcode = first & 15
            if opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if payload else 1005
                try:
                    self.send(CLOSE, payload[:2])
                except OSError:
                    pass
                raise Closed(code, payload[2:].decode())
            if opcode == PING:
                self.send(PONG, payload)
            elif opcode != PONG:
                assert first & 0x80, "the server fragments"
                return opcode, payload


class Session:
    """One session: what was heard, by stream and by message."""

    def __init__(self, port, job, tty=None, headers=None, start=True, then=(), **how):
        """`then` are messages that are sent with the first, all at once."""
        self.ws = WebSocket(port, headers=headers, **how)
        self.heard = {1: b"", 2: b"", 3: b""}
        self.messages = []
        opening = {"type": "open", "job": job, **({} if tty is None else {"tty": tty})}
        self.ws.socket.sendall(b"".join(
            self.ws.frame(*one) for one in [(TEXT, json.dumps(opening).encode()), *then]))
        if start:
            self.until("started")

    def step(self):
        opcode, payload = self.ws.receive()
        if opcode == BINARY:
            self.heard[payload[0]] += payload[1:]
        else:
            self.messages.append(json.loads(payload))

    def until(self, kind):
        while True:
            for m in self.messages:
                if m["type"] == kind:
                    return m
            self.step()

    def hear(self, text, stream=1):
        """Waits for this text, and drops all up to and with it."""
        while text not in self.heard[stream]:
            self.step()
        self.heard[stream] = self.heard[stream].split(text, 1)[1]

    def end(self):
        """All that comes until the close: which it returns."""
        try:
            while True:
                self.step()
        except Closed as e:
            self.ws.close()
            return e

    def exit(self):
        """The exit message; the session must end well."""
        closed = self.end()
        exits = [m for m in self.messages if m["type"] == "exit"]
        assert exits and closed.code == 1000, (closed, self.messages)
        return exits[0]
