# The agent on every node: it publishes the node's interpreters and folders as node metadata. Its token for
# herdsman is a variable under its own job's path, which Nomad lets it read without a policy.
# nomad acl policy apply -namespace default -job herdsman-agent herdsman-agent policies/agent.hcl

node {
  policy = "write"
}
