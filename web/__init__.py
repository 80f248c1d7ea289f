"""The Litestar application: API, live stream, git remote and bundle routes, access control."""
