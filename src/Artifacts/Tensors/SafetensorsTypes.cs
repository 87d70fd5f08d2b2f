namespace OnnxMoe.Artifacts.Tensors;

/// <summary>The element types of the safetensors format: their words, their sizes, and which of them a <see cref="HostTensor"/> can hold.</summary>
internal static class SafetensorsTypes
{
    private static readonly Dictionary<string, (int Bits, ElementType? Type)> Known = new(StringComparer.Ordinal)
    {
        ["BOOL"] = (8, ElementType.Bool),
        ["U8"] = (8, ElementType.UInt8),
        ["I8"] = (8, ElementType.Int8),
        ["U16"] = (16, ElementType.UInt16),
        ["I16"] = (16, ElementType.Int16),
        ["U32"] = (32, ElementType.UInt32),
        ["I32"] = (32, ElementType.Int32),
        ["U64"] = (64, ElementType.UInt64),
        ["I64"] = (64, ElementType.Int64),
        ["F16"] = (16, ElementType.Float16),
        ["BF16"] = (16, ElementType.BFloat16),
        ["F32"] = (32, ElementType.Float),
        ["F64"] = (64, ElementType.Double),
        ["F8_E4M3"] = (8, null),
        ["F8_E5M2"] = (8, null),
        ["F8_E8M0"] = (8, null),
        ["F6_E2M3"] = (6, null),
        ["F6_E3M2"] = (6, null),
        ["F4"] = (4, null),
        ["C64"] = (64, null),
    };

    /// <summary>Bits of one element, or null for a word that the format does not have.</summary>
    public static int? Bits(string word) => Known.TryGetValue(word, out var type) ? type.Bits : null;

    /// <summary>The element type of that word, or null when <see cref="HostTensor"/> cannot hold it.</summary>
    public static ElementType? TypeOf(string word) => Known[word].Type;

    /// <summary>The word of an element type; every type of fixed size has one.</summary>
    public static string WordOf(ElementType type) => Known.First(pair => pair.Value.Type == type).Key;
}
