# Offers a service.
import socket
try:
    s = socket.socket()
    s.bind(("0.0.0.0", 8080))
    s.listen()
    print("ESCAPED: listening")
except OSError as e:
    print("held", e)
