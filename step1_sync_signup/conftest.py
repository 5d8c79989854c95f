pytest_plugins = ["each_step.fixtures"]
