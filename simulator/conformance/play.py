"""Plays requests with boto3: one JSON object a line in, one a line out.

A request of API Gateway comes as verb, path, query and body, in the words of the wire. Which operation that is, and
what its parameters are called, is looked up in botocore's own model; the parsed result goes back into the words of
the wire by the same model. So what is compared is what a user of boto3 gets to see.
"""

import datetime
import json
import sys
import urllib.parse

import boto3
import botocore.config
import botocore.exceptions
import botocore.parsers

CONFIG = botocore.config.Config(
    retries={"total_max_attempts": 1}, parameter_validation=False, connect_timeout=10, read_timeout=60
)


class Inexpressible(Exception):
    """boto3 has no words for the request."""


def client_for(clients, request):
    key = (request["service"], request["endpoint"], request["region"])
    if key not in clients:
        service, endpoint, region = key
        clients[key] = boto3.client(service, endpoint_url=endpoint, region_name=region, config=CONFIG)
    return clients[key]


def matched(pattern, segments):
    """The path parameters, or None; a greedy one takes the rest."""
    parts = [part for part in pattern.split("/") if part]
    found = {}
    for index, part in enumerate(parts):
        if part.startswith("{") and part.endswith("+}"):
            found[part[1:-2]] = "/".join(segments[index:])
            return found if segments[index:] else None
        if index >= len(segments):
            return None
        if part.startswith("{"):
            found[part[1:-1]] = segments[index]
        elif part != segments[index]:
            return None
    return found if len(parts) == len(segments) else None


def operation_of(model, request):
    segments = [urllib.parse.unquote(part) for part in request["path"].split("/") if part]
    candidates = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        uri, _, fixed_query = operation.http["requestUri"].partition("?")
        if operation.http["method"] != request["method"] or fixed_query:
            continue
        parameters = matched(uri, segments)
        if parameters is not None:
            candidates.append((uri.count("{"), operation, parameters))
    if not candidates:
        raise Inexpressible("no operation has this verb and path")
    _, operation, parameters = min(candidates, key=lambda candidate: candidate[0])
    return operation, parameters


def wire_name(name, shape):
    return shape.serialization.get("name", name)


def from_wire(shape, value):
    """A body's value with members renamed as boto3 wants them."""
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {wire_name(name, member): (name, member) for name, member in shape.members.items()}
        unknown = set(value) - set(names)
        if unknown:
            raise Inexpressible("the model has no member " + ", ".join(sorted(unknown)))
        return {names[key][0]: from_wire(names[key][1], member) for key, member in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [from_wire(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: from_wire(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp" and isinstance(value, (int, float)):
        return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
    return value


def to_wire(shape, value, numbers=True):
    """A result with members renamed as the wire has them, and dates as numbers, or as texts in XML."""
    if shape.type_name == "structure":
        return {wire_name(name, member): to_wire(member, value[name], numbers) for name, member in shape.members.items() if name in value}
    if shape.type_name == "list":
        return [to_wire(shape.member, item, numbers) for item in value]
    if shape.type_name == "map":
        return {key: to_wire(shape.value, item, numbers) for key, item in value.items()}
    if shape.type_name == "timestamp":
        if not numbers:
            return value.strftime("%Y-%m-%dT%H:%M:%SZ")
        seconds = value.timestamp()
        return int(seconds) if seconds == int(seconds) else seconds
    return value


def parameters_of(operation, path_parameters, query, body):
    members = operation.input_shape.members if operation.input_shape else {}
    given = {}
    left = list(query)
    in_body = {}
    for name, shape in members.items():
        location = shape.serialization.get("location")
        if location == "uri":
            given[name] = path_parameters[wire_name(name, shape)]
        elif location == "querystring":
            values = [value for key, value in left if key == wire_name(name, shape)]
            left = [(key, value) for key, value in left if key != wire_name(name, shape)]
            if values and shape.type_name == "list":
                given[name] = values
            elif len(values) > 1:
                raise Inexpressible("a repeated query key")
            elif values and shape.type_name == "integer":
                given[name] = int(values[0]) if values[0].lstrip("-").isdigit() else values[0]
            elif values:
                given[name] = values[0]
        else:
            in_body[wire_name(name, shape)] = (name, shape)
    if left:
        raise Inexpressible("the operation has no query key " + ", ".join(sorted({key for key, _ in left})))
    if body is not None and not isinstance(body, dict):
        raise Inexpressible("a body that is no object")
    for key, value in (body or {}).items():
        if key not in in_body:
            raise Inexpressible("the operation has no member " + key)
        name, shape = in_body[key]
        given[name] = from_wire(shape, value)
    return given


def method_of(client, operation):
    mapping = client.meta.method_to_api_mapping
    return getattr(client, next(method for method, name in mapping.items() if name == operation.name))


def body_of(client, operation, metadata, result):
    result = {key: value for key, value in result.items() if key != "ResponseMetadata"}
    shape = operation.output_shape
    if client.meta.service_model.metadata["protocol"] == "query":
        # XML around the members: the parser asks for these two elements by their names.
        return {
            f"{operation.name}Response": {
                f"{operation.name}Result": to_wire(shape, result, numbers=False),
                "ResponseMetadata": {"RequestId": metadata["RequestId"]},
            }
        }
    if shape is None or not shape.members or (metadata["HTTPStatusCode"] in (202, 204) and not result):
        return None
    return to_wire(shape, result)


def answer(clients, request):
    client = client_for(clients, request)
    model = client.meta.service_model
    if "operation" in request:
        if request["operation"] not in model.operation_names:
            raise Inexpressible("no operation has this name")
        operation, path_parameters = model.operation_model(request["operation"]), {}
    else:
        operation, path_parameters = operation_of(model, request)
    given = parameters_of(operation, path_parameters, [tuple(pair) for pair in request.get("query", [])], request["body"])
    try:
        result = method_of(client, operation)(**given)
    except botocore.exceptions.ClientError as error:
        metadata = error.response["ResponseMetadata"]
        told = error.response["Error"]
        return {
            "refusal": {
                "status": metadata["HTTPStatusCode"],
                "headers": metadata["HTTPHeaders"],
                "code": told.get("Code", ""),
                "text": told.get("Message", ""),
            }
        }
    except botocore.exceptions.ParamValidationError as error:
        raise Inexpressible(str(error)) from error
    except (botocore.exceptions.HTTPClientError, botocore.exceptions.EndpointConnectionError) as error:
        return {"failed": str(error)}
    except botocore.parsers.ResponseParserError as error:
        return {"unreadable": str(error)}
    metadata = result["ResponseMetadata"]
    return {
        "reply": {
            "status": metadata["HTTPStatusCode"],
            "headers": metadata["HTTPHeaders"],
            "body": body_of(client, operation, metadata, result),
        }
    }


def main():
    clients = {}
    for line in sys.stdin:
        try:
            reply = answer(clients, json.loads(line))
        except Inexpressible as why:
            reply = {"inexpressible": str(why)}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


main()
