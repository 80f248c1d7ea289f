"""What `herdsman doctor` looks at, one module for each place: this machine, the service, Nomad's nodes."""
