import json

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidJSONError
from urllib3.exceptions import HTTPError

from .limits import conversation_slots, run_within

MAX_BYTES = 20_000  # of an answer, after decompression

slots = conversation_slots()


class Session(requests.Session):
    """requests' own, but each request ends within CONVERSATION_SECONDS, with a short answer.

    Redirects are not followed. Every error is a requests.RequestException.
    """

    def __init__(self):
        super().__init__()
        self.mount("http://", LimitedAdapter())
        self.mount("https://", LimitedAdapter())

    def get_redirect_target(self, response):
        return None


class LimitedAdapter(HTTPAdapter):
    def send(self, request, **options):
        seconds = settings.CONVERSATION_SECONDS
        try:
            return run_within(seconds, slots, self.send_and_read, request, options)
        except requests.RequestException:
            raise
        except TimeoutError as error:  # which requests.Timeout is not
            raise requests.Timeout(error, request=request) from error
        except (OSError, ValueError, HTTPError) as error:  # a file with certificates that is gone
            raise requests.ConnectionError(error, request=request) from error

    def send_and_read(self, request, options):
        response = super().send(request, **options | {"stream": True})
        with response:
            content = b""
            for chunk in response.iter_content(MAX_BYTES):
                content += chunk
                if len(content) > MAX_BYTES:
                    raise requests.exceptions.ContentDecodingError(
                        f"the answer has more than {MAX_BYTES} bytes", response=response
                    )
        response._content = content  # where requests keeps what it has read
        return response

    def build_response(self, request, raw):
        response = super().build_response(request, raw)
        response.__class__ = Response
        return response


class Response(requests.Response):
    def json(self, **options):
        try:
            value = super().json(**options)
            # Half a surrogate pair is valid JSON, but can't be sent or stored.
            json.dumps(value, ensure_ascii=False).encode()
        except requests.RequestException:
            raise
        # Lists in lists without end; a number of thousands of digits.
        except (RecursionError, ValueError) as error:
            raise InvalidJSONError(error, response=self) from error
        return value
