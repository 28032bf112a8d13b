import {
  type DescExtension,
  type DescFile,
  type DescMessage,
  type DescService,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter, type ServiceImpl } from "@connectrpc/connect";
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { requestLimits } from "../limits.ts";

type Answer = NonNullable<
  MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]
>;

/**
 * Serves grpc.reflection.v1 for the given services and itself, so that clients such as `buf curl`
 * and `grpcurl` need no files. It shows the schema, which is public, and no data.
 */
export function reflectionRoutes(
  services: readonly DescService[],
): (router: ConnectRouter) => void {
  const index = indexSchema([...services, ServerReflection]);
  return (router) => {
    const implementation: ServiceImpl<typeof ServerReflection> = {
      async *serverReflectionInfo(requests) {
        for await (const request of requests) {
          yield {
            validHost: request.host,
            originalRequest: request,
            messageResponse: answer(index, request.messageRequest),
          };
        }
      },
    };
    router.service(ServerReflection, implementation, {
      readMaxBytes: requestLimits.publicMessageBytes,
    });
  };
}

interface SchemaIndex {
  services: string[];
  files: Map<string, DescFile>;
  /** Full names of services, methods, messages, fields, enums, their values and extensions. */
  symbols: Map<string, DescFile>;
  /** By name of the message that they extend. */
  extensions: Map<string, DescExtension[]>;
}

function answer(index: SchemaIndex, request: ServerReflectionRequest["messageRequest"]): Answer {
  switch (request.case) {
    case "fileByFilename":
      return fileAnswer(index.files.get(request.value), request.value);
    case "fileContainingSymbol":
      return fileAnswer(index.symbols.get(request.value), request.value);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = request.value;
      const extension = index.extensions
        .get(containingType)
        ?.find((candidate) => candidate.number === extensionNumber);
      return fileAnswer(extension?.file, `extension ${extensionNumber} of ${containingType}`);
    }
    case "allExtensionNumbersOfType": {
      const known = index.symbols.has(request.value) || index.extensions.has(request.value);
      if (!known) return errorAnswer(Code.NotFound, `not found: ${request.value}`);
      const extensions = index.extensions.get(request.value) ?? [];
      return {
        case: "allExtensionNumbersResponse",
        value: {
          baseTypeName: request.value,
          extensionNumber: extensions.map((extension) => extension.number),
        },
      };
    }
    case "listServices":
      return {
        case: "listServicesResponse",
        value: { service: index.services.map((name) => ({ name })) },
      };
    case undefined:
      return errorAnswer(Code.InvalidArgument, "message_request is missing or unknown");
  }
}

function fileAnswer(file: DescFile | undefined, asked: string): Answer {
  if (file === undefined) return errorAnswer(Code.NotFound, `not found: ${asked}`);
  const files = withDependencies([file]);
  return {
    case: "fileDescriptorResponse",
    value: {
      fileDescriptorProto: files.map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto)),
    },
  };
}

function errorAnswer(errorCode: Code, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}

/** The files and all that they import, each once, the given ones first. */
function withDependencies(files: readonly DescFile[]): DescFile[] {
  const found = new Set(files);
  // A Set's iteration goes on with what is added meanwhile.
  for (const file of found) for (const dependency of file.dependencies) found.add(dependency);
  return [...found];
}

function indexSchema(services: readonly DescService[]): SchemaIndex {
  const files = withDependencies(services.map((service) => service.file));
  const symbols = new Map<string, DescFile>();
  const extensions = new Map<string, DescExtension[]>();
  const addExtension = (extension: DescExtension): void => {
    symbols.set(extension.typeName, extension.file);
    const siblings = extensions.get(extension.extendee.typeName) ?? [];
    extensions.set(extension.extendee.typeName, [...siblings, extension]);
  };
  const addMessage = (message: DescMessage): void => {
    symbols.set(message.typeName, message.file);
    for (const { name } of message.fields) symbols.set(`${message.typeName}.${name}`, message.file);
    for (const nested of message.nestedMessages) addMessage(nested);
    for (const nested of message.nestedEnums) addEnum(nested);
    for (const nested of message.nestedExtensions) addExtension(nested);
  };
  const addEnum = (desc: DescFile["enums"][number]): void => {
    symbols.set(desc.typeName, desc.file);
    // A value is named beside its enum, not inside it.
    const scope = desc.typeName.slice(0, -desc.name.length);
    for (const value of desc.values) symbols.set(scope + value.name, desc.file);
  };
  for (const file of files) {
    for (const service of file.services) {
      symbols.set(service.typeName, file);
      for (const { name } of service.methods) symbols.set(`${service.typeName}.${name}`, file);
    }
    for (const message of file.messages) addMessage(message);
    for (const desc of file.enums) addEnum(desc);
    for (const extension of file.extensions) addExtension(extension);
  }
  return {
    services: [...new Set(services.map((service) => service.typeName))].sort(),
    files: new Map(files.map((file) => [file.proto.name, file])),
    symbols,
    extensions,
  };
}
