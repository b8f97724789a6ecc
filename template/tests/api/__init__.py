"""The API, called as clients call it."""
