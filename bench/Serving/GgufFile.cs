using System.Buffers.Binary;
using System.Text;

namespace OnnxMoe.Bench.Serving;

/// <summary>Writes a Mixtral-style model with random weights as GGUF, the format of llama.cpp (version 3 of the format; types f32, f16, q8_0, q4_0).</summary>
internal static class GgufFile
{
    private const int Alignment = 32;

    /// <param name="path">Where to.</param>
    /// <param name="size">As <see cref="ModelSize"/> of the model it is compared with.</param>
    /// <param name="type">f32, f16, q8_0 or q4_0; norms and routers are f32.</param>
    public static void Write(string path, ModelSize size, string type)
    {
        var tensors = Tensors(size, type).ToArray();
        using var file = new BinaryWriter(File.Create(path));
        file.Write("GGUF"u8);
        file.Write(3);
        file.Write((long)tensors.Length);
        var entries = Entries(size).ToArray();
        file.Write((long)entries.Length);
        foreach (var (key, value) in entries)
        {
            Text(file, key);
            Value(file, value);
        }
        var offset = 0L;
        foreach (var tensor in tensors)
        {
            Text(file, tensor.Name);
            file.Write(tensor.Shape.Length);
            foreach (var length in tensor.Shape.Reverse()) // the fastest first
                file.Write((long)length);
            file.Write(TypeNumber(tensor.Type));
            file.Write(offset);
            offset += Padded(Bytes(tensor.Count, tensor.Type));
        }
        Pad(file);
        var random = new Random(1);
        foreach (var tensor in tensors)
        {
            Data(file, tensor, random);
            Pad(file);
        }
    }

    private static IEnumerable<(string Key, object Value)> Entries(ModelSize size)
    {
        string[] words = ["<unk>", "<s>", "</s>", .. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>")];
        words = [.. words, .. Enumerable.Range(0, size.Vocabulary - words.Length).Select(i => $"\u2581t{i}")];
        var bytes = words.Select((_, i) => i is >= 3 and < 259).ToArray();
        return
        [
            ("general.architecture", "llama"), ("general.name", "bench"), ("llama.context_length", 2048), ("llama.embedding_length", size.Width),
            ("llama.block_count", size.Layers), ("llama.feed_forward_length", size.Hidden), ("llama.expert_count", size.Experts),
            ("llama.expert_used_count", size.Picks), ("llama.vocab_size", size.Vocabulary), ("llama.attention.head_count", size.Heads),
            ("llama.attention.head_count_kv", size.KeyHeads), ("llama.attention.layer_norm_rms_epsilon", 1e-5f),
            ("llama.rope.dimension_count", size.Width / size.Heads), ("llama.rope.freq_base", 10000f), ("tokenizer.ggml.model", "llama"),
            ("tokenizer.ggml.tokens", words), ("tokenizer.ggml.scores", new float[words.Length]),
            ("tokenizer.ggml.token_type", Array.ConvertAll(bytes, isByte => isByte ? 6 : 1)), ("tokenizer.ggml.bos_token_id", 1),
            ("tokenizer.ggml.eos_token_id", 2), ("tokenizer.ggml.unknown_token_id", 0),
        ];
    }

    private static IEnumerable<Tensor> Tensors(ModelSize size, string type)
    {
        var (d, f, e) = (size.Width, size.Hidden, size.Experts);
        var keys = d / size.Heads * size.KeyHeads;
        yield return new("token_embd.weight", [size.Vocabulary, d], .02, type);
        yield return new("output_norm.weight", [d], 0, "f32");
        yield return new("output.weight", [size.Vocabulary, d], .02, type);
        for (var layer = 0; layer < size.Layers; layer++)
        {
            Tensor Of(string name, int[] shape, double scale, string? other = null) => new($"blk.{layer}.{name}.weight", shape, scale, other ?? type);
            yield return Of("attn_norm", [d], 0, "f32");
            yield return Of("attn_q", [d, d], .05);
            yield return Of("attn_k", [keys, d], .05);
            yield return Of("attn_v", [keys, d], .05);
            yield return Of("attn_output", [d, d], .05);
            yield return Of("ffn_norm", [d], 0, "f32");
            yield return Of("ffn_gate_inp", [e, d], .2, "f32");
            yield return Of("ffn_gate_exps", [e, f, d], .05);
            yield return Of("ffn_up_exps", [e, f, d], .05);
            yield return Of("ffn_down_exps", [e, d, f], .05);
        }
    }

    private static void Value(BinaryWriter file, object value)
    {
        switch (value)
        {
            case int number:
                file.Write(4);
                file.Write(number);
                break;
            case float number:
                file.Write(6);
                file.Write(number);
                break;
            case string text:
                file.Write(8);
                Text(file, text);
                break;
            case Array list:
                file.Write(9);
                file.Write(list switch { string[] => 8, float[] => 6, _ => 5 });
                file.Write((long)list.Length);
                foreach (var item in list)
                {
                    if (item is string text)
                        Text(file, text);
                    else if (item is float number)
                        file.Write(number);
                    else
                        file.Write((int)item);
                }
                break;
        }
    }

    private static void Data(BinaryWriter file, Tensor tensor, Random random)
    {
        // Blocks of 32 numbers, which all formats can be cut into.
        Span<float> block = stackalloc float[32];
        Span<byte> bytes = stackalloc byte[128];
        for (var left = tensor.Count; left > 0; left -= block.Length)
        {
            for (var i = 0; i < block.Length; i++)
                block[i] = tensor.Scale == 0 ? 1 : (float)((random.NextDouble() * 2 - 1) * Math.Sqrt(3) * tensor.Scale);
            var largest = 0f;
            foreach (var value in block)
                largest = Math.Abs(value) > Math.Abs(largest) ? value : largest;
            var length = (int)Bytes(block.Length, tensor.Type);
            for (var i = 0; i < block.Length; i++)
            {
                switch (tensor.Type)
                {
                    case "f32":
                        BinaryPrimitives.WriteSingleLittleEndian(bytes[(4 * i)..], block[i]);
                        break;
                    case "f16":
                        BinaryPrimitives.WriteHalfLittleEndian(bytes[(2 * i)..], (Half)block[i]);
                        break;
                    case "q8_0":
                        bytes[2 + i] = (byte)(sbyte)MathF.Round(block[i] / (Math.Abs(largest) / 127));
                        break;
                    default:
                        var code = (byte)Math.Clamp(MathF.Floor(block[i] / (largest / -8) + 8.5f), 0, 15);
                        bytes[2 + i % 16] = i < 16 ? code : (byte)(bytes[2 + i % 16] | code << 4);
                        break;
                }
            }
            if (tensor.Type is "q8_0" or "q4_0")
                BinaryPrimitives.WriteHalfLittleEndian(bytes, (Half)(tensor.Type == "q8_0" ? Math.Abs(largest) / 127 : largest / -8));
            file.Write(bytes[..length]);
        }
    }

    private static void Text(BinaryWriter file, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        file.Write((long)bytes.Length);
        file.Write(bytes);
    }

    private static void Pad(BinaryWriter file)
    {
        while (file.BaseStream.Position % Alignment != 0)
            file.Write((byte)0);
    }

    private static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private static int TypeNumber(string type) => type switch { "f32" => 0, "f16" => 1, "q4_0" => 2, _ => 8 };

    private static long Bytes(long count, string type) => type switch { "f32" => 4 * count, "f16" => 2 * count, "q8_0" => count / 32 * 34, _ => count / 32 * 18 };

    /// <summary>A tensor to write.</summary>
    /// <param name="Name">In the file.</param>
    /// <param name="Shape">The slowest first.</param>
    /// <param name="Scale">Deviation of its numbers; 0 means that all are 1.</param>
    /// <param name="Type">How they are stored.</param>
    private sealed record Tensor(string Name, int[] Shape, double Scale, string Type)
    {
        public long Count => Shape.Aggregate(1L, (product, size) => product * size);
    }
}
