using System.Text.RegularExpressions;

namespace OnnxMoe.Exporter.Tests.Support;

/// <summary>
/// A strict reader of protobuf's text format with the fields of Triton's ModelConfig (model_config.proto) that an export writes: a field that is not known
/// there, one of the wrong kind, or a bracket that is not closed fails the test.
/// </summary>
internal sealed partial class TritonConfig
{
    private static readonly Dictionary<string, string> Kinds = new()
    {
        ["name"] = "string",
        ["backend"] = "string",
        ["default_model_filename"] = "string",
        ["max_batch_size"] = "number",
        ["input"] = "message",
        ["output"] = "message",
        ["instance_group"] = "message",
        ["model_operations"] = "message",
        ["input.name"] = "string",
        ["input.data_type"] = "word",
        ["input.dims"] = "number",
        ["input.reshape"] = "message",
        ["input.reshape.shape"] = "number",
        ["output.name"] = "string",
        ["output.data_type"] = "word",
        ["output.dims"] = "number",
        ["output.reshape"] = "message",
        ["output.reshape.shape"] = "number",
        ["instance_group.count"] = "number",
        ["instance_group.kind"] = "word",
        ["model_operations.op_library_filename"] = "string",
    };

    private readonly Queue<string> _tokens;
    private readonly Dictionary<string, List<object>> _fields;

    private TritonConfig(Queue<string> tokens, string path, string? end)
    {
        (_tokens, _fields) = (tokens, []);
        while (_tokens.TryDequeue(out var token) && token != end)
        {
            var field = path + token;
            Assert.True(Kinds.ContainsKey(field), $"'{field}' is no field");
            _fields.TryAdd(token, []);
            var isScalar = Next(":");
            if (Next("["))
            {
                while (!Next("]"))
                {
                    _fields[token].Add(Value(field, isScalar));
                    Assert.True(_tokens.Peek() == "]" || Next(","), $"a comma or ] must follow a value of {field}");
                }
            }
            else
            {
                _fields[token].Add(Value(field, isScalar));
            }
            Next(",");
        }
    }

    /// <summary>Reads a whole file.</summary>
    public static TritonConfig Read(string text)
    {
        var tokens = new Queue<string>(Token().Matches(Comment().Replace(text, "")).Select(match => match.Value));
        var config = new TritonConfig(tokens, "", null);
        Assert.Empty(tokens);
        return config;
    }

    /// <summary>The messages of a repeated field.</summary>
    public IEnumerable<TritonConfig> Messages(string field) => _fields.TryGetValue(field, out var values) ? values.Cast<TritonConfig>() : [];

    /// <summary>The one text, word or number of a field.</summary>
    public string Text(string field) => (string)Assert.Single(_fields[field]);

    /// <summary>The numbers of a field.</summary>
    public long[] Numbers(string field) => [.. _fields[field].Select(value => long.Parse((string)value))];

    public bool Has(string field) => _fields.ContainsKey(field);

    private object Value(string field, bool isScalar)
    {
        var token = _tokens.Dequeue();
        if (Kinds[field] == "message")
        {
            Assert.Equal("{", token);
            return new TritonConfig(_tokens, field + ".", "}");
        }
        Assert.True(isScalar, $"{field} has a value without a colon");
        Assert.Matches(Kinds[field] switch { "string" => "^\".*\"$", "number" => "^-?[0-9]+$", _ => "^[A-Z][A-Z0-9_]+$" }, token);
        return token.Trim('"');
    }

    private bool Next(string token) => _tokens.TryPeek(out var next) && next == token && _tokens.Dequeue() == token;

    [GeneratedRegex("(?m)^ *#.*$")]
    private static partial Regex Comment();

    [GeneratedRegex("\"(\\\\.|[^\"\\\\])*\"|-?[A-Za-z0-9_]+|[^\\s]")]
    private static partial Regex Token();
}
