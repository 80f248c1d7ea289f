"""Who may do what: tokens, scopes, sessions, sign-in links, and the checks that every request passes."""
