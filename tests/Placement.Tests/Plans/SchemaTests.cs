using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using Json.Schema;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Plans;

/// <summary>The schema, the records and the loader say the same.</summary>
public sealed class SchemaTests
{
    static readonly JsonObject Document = JsonNode.Parse(PlacementSchema.Text)!.AsObject();
    static readonly JsonSchema Schema = JsonSchema.FromText(PlacementSchema.Text);

    static readonly Lazy<string> Sample = new(() =>
    {
        using var planned = new Planned(Some.Trace(2, 6, 2, 60, 2), nodes: 1, gpusPerNode: 2);
        return File.ReadAllText(planned.PlanPath);
    });

    [Theory]
    [InlineData("moetuner")]
    [InlineData("eplb-replicated")]
    public void PlansAreValid(string method)
    {
        using var planned = new Planned(Some.Trace(3, 8, 2, 120, 1), nodes: 2, gpusPerNode: 2, method, o => (o.ExpertBytes, o.SearchSeconds, o.JointSeconds) = (1000, 0.2, 0.2));
        PlaceRun.Execute("", planned.Options, TextWriter.Null, CancellationToken.None);
        Assert.True(IsValid(File.ReadAllText(planned.PlanPath)));
    }

    /// <summary>Field by field: names, which are required, and kinds of values, as the serializer would describe the records.</summary>
    [Fact]
    public void SchemaAndRecordsHaveTheSameFields()
    {
        var compared = new List<string>();
        Compare(JsonFile.Options.GetJsonSchemaAsNode(typeof(PlacementPlan)), Document, "", compared);
        Assert.Contains("/layers/items/devices/items/items", compared);
        Assert.Contains("/measures/*/test", compared);
        Assert.Contains("/solves/items/gap", compared);
        Assert.Contains("/source/traceHash", compared);
    }

    [Fact]
    public void EveryFieldIsDescribed()
    {
        Assert.Equal("https://json-schema.org/draft/2020-12/schema", (string?)Document["$schema"]);
        foreach (var definition in Document["$defs"]!.AsObject().Select(d => d.Value!.AsObject()).Append(Document))
        {
            Assert.NotEmpty((string)definition["description"]!);
            Assert.All(definition["properties"]!.AsObject(), field => Assert.True(field.Value!["description"] is not null || field.Value["$ref"] is not null, field.Key));
        }
    }

    /// <summary>What the schema refuses, the loader refuses with a sentence that names the place.</summary>
    [Theory]
    [InlineData("/source", null, "lacks the field(s) 'source'")]
    [InlineData("/source/tokens", "\"many\"", "'source.tokens' should be a whole number")]
    [InlineData("/source/tokens", "-1", "'source.tokens' should be at least 0, not -1")]
    [InlineData("/source/traceHash", "\"abc\"", "'source.traceHash' should be a SHA-256 of 64 lower-case hexadecimal digits, not 'abc'")]
    [InlineData("/solver", "\"\"", "'solver' should not be empty")]
    [InlineData("/solver", "null", "'solver' may not be null")]
    [InlineData("/devices", "[]", "has 0 devices")]
    [InlineData("/devices", "{}", "'devices' should be a list [...]")]
    [InlineData("/devices/0", "null", "'devices[0]' may not be null")]
    [InlineData("/devices/1/node", "\"\"", "'devices[1].node' should not be empty")]
    [InlineData("/devices/1/memoryBytes", "-5", "'devices[1].memoryBytes' should be at least 0, not -5")]
    [InlineData("/devices/1/usedBytes", "1.5", "'devices[1].usedBytes' should be a whole number")]
    [InlineData("/layers", "[]", "0 layers")]
    [InlineData("/layers/1", "null", "'layers[1]' may not be null")]
    [InlineData("/layers/1/layer", "-1", "'layers[1].layer' should be at least 0")]
    [InlineData("/layers/1/experts", "0", "'layers[1].experts' should be at least 1, not 0")]
    [InlineData("/layers/1/devices/0", "null", "'layers[1].devices[0]' may not be null")]
    [InlineData("/layers/1/devices/0/0", "-2", "'layers[1].devices[0][0]' should be at least 0, not -2")]
    [InlineData("/layers/1/devices/0/0", "\"0\"", "'layers[1].devices[0][0]' should be a whole number")]
    [InlineData("/layers/1/devices/0", "[]", "'layers[1].devices[0]' leaves a device without an expert")]
    [InlineData("/measures/maxOverMean", "null", "'measures.maxOverMean' may not be null")]
    [InlineData("/measures/maxOverMean/fit", "\"1\"", "should be a number")]
    [InlineData("/solves/0/seconds", "-1", "'solves[0].seconds' should be at least 0, not -1")]
    public void WhatTheSchemaRefusesTheLoaderRefuses(string pointer, string? value, string expected)
    {
        using var folder = new TemporaryFolder();
        var plan = JsonNode.Parse(Sample.Value)!;
        Put(plan, pointer.Split('/')[1..], value);
        Assert.False(IsValid(plan.ToJsonString()));
        File.WriteAllText(folder["plan.json"], plan.ToJsonString());
        var message = Assert.Throws<UserError>(() => PlacementPlan.Load(folder["plan.json"])).Message;
        Assert.StartsWith(folder["plan.json"], message);
        Assert.Contains(expected, message);
    }

    [Fact]
    public void AnotherFormatIsNamedBeforeAnythingElse()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["placement.json"], """{"format": "onnxmoe-placement/2", "somethingElse": 1}""");
        Assert.EndsWith("has the format 'onnxmoe-placement/2', but this program reads 'onnxmoe-placement/1'.", Assert.Throws<UserError>(() => PlacementPlan.Load(folder["placement.json"])).Message);
        File.WriteAllText(folder["placement.json"], "[]");
        Assert.Contains("has the format '(none)'", Assert.Throws<UserError>(() => PlacementPlan.Load(folder["placement.json"])).Message);
        File.WriteAllText(folder["placement.json"], """{"format": "onnxmoe-placement/1", """);
        Assert.Contains("this is not valid JSON", Assert.Throws<UserError>(() => PlacementPlan.Load(folder["placement.json"])).Message);
    }

    static bool IsValid(string plan) => Schema.Evaluate(JsonDocument.Parse(plan).RootElement).IsValid;

    static void Put(JsonNode node, string[] path, string? value)
    {
        foreach (var step in path[..^1])
            node = node is JsonArray list ? list[int.Parse(step)]! : node[step]!;
        if (value is null)
            node.AsObject().Remove(path[^1]);
        else if (node is JsonArray items)
            items[int.Parse(path[^1])] = JsonNode.Parse(value);
        else
            node[path[^1]] = JsonNode.Parse(value);
    }

    /// <param name="record">What the serializer says of a type.</param>
    /// <param name="ours">The same place of the schema.</param>
    /// <param name="path">The place.</param>
    /// <param name="compared">Where it has been.</param>
    static void Compare(JsonNode record, JsonNode ours, string path, List<string> compared)
    {
        if ((string?)ours["$ref"] is { } reference)
            ours = Document["$defs"]![reference["#/$defs/".Length..]]!;
        compared.Add(path);
        Assert.True(Types(record).SetEquals(Types(ours)), $"{path}: the record has {string.Join("/", Types(record))}, the schema {string.Join("/", Types(ours))}");
        if (record["properties"] is JsonObject fields)
        {
            var described = ours["properties"]!.AsObject();
            Assert.Equal(fields.Select(f => f.Key).Order(), described.Select(f => f.Key).Order());
            Assert.Equal(Names(record["required"]), Names(ours["required"]));
            foreach (var (name, field) in fields)
                Compare(field!, described[name]!, $"{path}/{name}", compared);
        }
        if (record["items"] is { } items)
            Compare(items, ours["items"]!, $"{path}/items", compared);
        if (record["additionalProperties"] is JsonObject values)
            Compare(values, ours["additionalProperties"]!, $"{path}/*", compared);
    }

    static IEnumerable<string> Names(JsonNode? names) => (names?.AsArray() ?? []).Select(name => (string)name!).Order();

    /// <summary>The serializer calls elements of lists nullable, which the loader then refuses; for numbers and texts that may be null the schema says so.</summary>
    static HashSet<string> Types(JsonNode schema)
    {
        var types = schema["type"] is JsonArray several ? several.Select(t => (string)t!).ToHashSet() : [(string)schema["type"]!];
        if (types.Contains("object") || types.Contains("array"))
            types.Remove("null");
        return types;
    }
}
