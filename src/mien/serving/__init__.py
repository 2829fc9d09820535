"""`mien serve`: REST, Socket.IO, a page and a dashboard over one recognizer."""
