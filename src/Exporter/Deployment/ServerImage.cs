using System.Globalization;
using OnnxMoe.Artifacts.Deployment;

namespace OnnxMoe.Exporter.Deployment;

/// <summary>The container image of a model's server: the program built from the repository, and the model's files.</summary>
internal static class ServerImage
{
    /// <summary>The Dockerfile.</summary>
    public const string File = "Dockerfile";

    /// <summary>What of the repository the build does not need, where BuildKit looks for it.</summary>
    public const string IgnoreFile = "Dockerfile.dockerignore";

    /// <summary>Id of the user and the group that the server runs as.</summary>
    public const int User = 10001;

    /// <summary>The text of <see cref="IgnoreFile"/>.</summary>
    public const string Ignored = """
        .git
        **/bin
        **/obj
        **/node_modules
        native/build
        eng/cache
        eng/lane.props
        data
        models/*
        !models/clusters
        !models/recipes
        !models/schemas
        !models/shapes
        !models/spaces
        !models/traces

        """;

    /// <summary>The arguments of <c>onnxmoe</c> in the container.</summary>
    public static IReadOnlyList<string> Arguments(DeployedModel model) =>
        ["serve", model.Manifest.Name, "--models", "/models", "--file", model.File, "--host", "0.0.0.0", "--port", "8080"];

    /// <summary>The text of <see cref="File"/>.</summary>
    public static string Text(DeployedModel model) => string.Create(CultureInfo.InvariantCulture, $$"""
        # syntax=docker/dockerfile:1
        # Written by 'onnxmoe export'; README.md beside this file has the command. It was never built where it was written (no Docker there).
        # For CUDA: --build-arg TORCH=cuda and BASE = an image of Debian or Ubuntu with NVIDIA's CUDA 12 and cuDNN 9 libraries.
        ARG BASE=debian:12-slim

        FROM debian:12 AS build
        ARG LANE=
        ARG TORCH=
        ENV DEBIAN_FRONTEND=noninteractive DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
        RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl libicu72 make nodejs npm
        RUN curl -fsSL https://dot.net/v1/dotnet-install.sh -o /tmp/dotnet-install.sh \
            && bash /tmp/dotnet-install.sh --channel 10.0 --install-dir /usr/share/dotnet \
            && bash /tmp/dotnet-install.sh --channel 10.0 --runtime aspnetcore --install-dir /opt/dotnet \
            && ln -s /usr/share/dotnet/dotnet /usr/local/bin/dotnet
        WORKDIR /source
        COPY . .
        RUN LANE=$LANE TORCH=$TORCH make setup build
        # Serving needs ONNX Runtime and the kernels; libtorch stays behind.
        RUN cp -rL src/OnnxMoe/bin/*/Release/net10.0 /app \
            && find /app \( -name 'libtorch*' -o -name 'libc10*' -o -name 'libLibTorchSharp*' -o -name 'libonnxmoe_torch*' -o -name '*.pdb' \) -delete

        FROM $BASE
        RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libgomp1 libssl3 libstdc++6 zlib1g && rm -rf /var/lib/apt/lists/*
        COPY --from=build /opt/dotnet /usr/share/dotnet
        COPY --from=build /app /app
        # 'model' is the model folder: --build-context model=FOLDER.
        COPY --from=model --chmod=0444 {{YamlText.List([.. model.ServedFiles, $"/models/{model.Manifest.Name}/"])}}
        ENV DOTNET_ROOT=/usr/share/dotnet DOTNET_EnableDiagnostics=0
        USER {{User}}:{{User}}
        EXPOSE 8080
        ENTRYPOINT ["/app/onnxmoe"]
        CMD {{YamlText.List(Arguments(model))}}

        """);
}
