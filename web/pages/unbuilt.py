"""What is shown in place of the dashboard where it was not built."""

from web.pages import page

UNBUILT = page(
    "herdsman: the dashboard is not built",
    "<h1>The dashboard is not built</h1>\n"
    "<p>herdsman runs, and its API answers; only the pages are missing in this installation.</p>\n"
    "<p>In a checkout, build them and start herdsman again:</p>\n<pre>make dashboard</pre>\n"
    "<p>Until then: <code>herdsman status --watch</code> in a terminal, or "
    '<a href="/api/docs">the API</a>.</p>',
)
