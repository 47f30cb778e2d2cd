# Looks a name up: data can leave in a name.
import socket
try:
    print("ESCAPED", socket.getaddrinfo("hostile.example.com", 80))
except OSError as e:
    print("held", e)
