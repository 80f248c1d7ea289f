"""The HTTP routes, one module for each thing they are about; each names its scope in `opt["access"]`."""
