"""Forges (GitHub, GitLab, Gitea and Forgejo): commit statuses, comments on pull requests, GitHub Apps."""
