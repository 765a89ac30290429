"""What a demo and a drill both need: servers, namespaces, processes, and the books at the end."""
