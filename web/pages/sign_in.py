"""The sign-in form, for those who have a token but no link."""

from html import escape

from web.pages import page


def sign_in_page(problem: str = "") -> bytes:
    """Return the form; `problem` says why the last try failed."""
    message = f'<p role="alert"><strong>{escape(problem)}</strong></p>\n' if problem else ""
    return page(
        "Sign in to herdsman",
        f"<h1>Sign in to herdsman</h1>\n{message}"
        "<p>Paste a token, or open the sign-in link that <code>herdsman up</code> prints at its start.</p>\n"
        '<form method="post" action="/sign-in">\n'
        '<label for="token">Token</label>\n'
        '<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>\n'
        "<button>Sign in</button>\n</form>\n"
        '<p class="quiet">On the machine that runs herdsman, the file <code>admin-token</code> in its data '
        "folder holds one.</p>",
        narrow=True,
    )
