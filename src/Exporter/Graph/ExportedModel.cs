using Onnx;

namespace OnnxMoe.Exporter.Graph;

/// <summary>A complete ONNX model whose weights and constants have not been fetched yet.</summary>
/// <param name="Proto">All but the initializers.</param>
/// <param name="Initializers">In the order of first use.</param>
public sealed record ExportedModel(ModelProto Proto, IReadOnlyList<Initializer> Initializers);
