pytest_plugins = ["each_step.fixtures", "tests.queue_fixture"]
