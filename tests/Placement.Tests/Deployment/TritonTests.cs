using System.Text.RegularExpressions;
using OnnxMoe.Placement.Deployment;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Deployment;

public sealed partial class TritonTests
{
    [Fact]
    public void EveryGpuHasAModelWithItsExperts()
    {
        using var planned = new Planned(Some.Trace(3, 8, 2, 60, 1), nodes: 2, gpusPerNode: 2, "moetuner", o => o.Deploy = "triton");
        DeployRun.Execute("", planned.Options, TextWriter.Null);
        var plan = planned.Loaded;
        for (var g = 0; g < 4; g++)
        {
            var fields = Fields(File.ReadAllText(planned[$"deploy/triton/rack-{g / 2}/random-gpu{g}/config.pbtxt"]));
            Assert.Equal("random-gpu" + g, Assert.Single(fields["name"]));
            Assert.Equal("onnxruntime", Assert.Single(fields["backend"]));
            Assert.Equal($"{g % 2}", Assert.Single(fields["instance_group/gpus"]));
            Assert.Equal("KIND_GPU", Assert.Single(fields["instance_group/kind"]));
            var parameters = fields["parameters/key"].Zip(fields["parameters/value/string_value"]).ToDictionary();
            Assert.Equal($"{g}", parameters["placement.device"]);
            Assert.Equal("rack_" + g / 2, parameters["placement.node"]);
            foreach (var layer in plan.Layers)
                Assert.Equal(layer.Devices[g].Order(), parameters[$"placement.layer.{layer.Layer}.experts"].Split(',').Select(int.Parse));
        }
        Assert.False(File.Exists(planned["deploy/kubernetes.yaml"]));
        Assert.Contains("This is a sketch, not a working deployment.", File.ReadAllText(planned["deploy/README.md"]));
    }

    [Fact]
    public void WhatIsLeftFromAnotherPlanIsNamed()
    {
        using var planned = new Planned(Some.Trace(1, 8, 2, 60, 2), nodes: 1, gpusPerNode: 2, "eplb", o => o.Deploy = "both");
        Directory.CreateDirectory(planned["deploy/triton/rack-0/random-gpu7"]);
        var log = new StringWriter();
        DeployRun.Execute("", planned.Options, log);
        Assert.Contains("random-gpu7 is not of this plan", log.ToString());
        Assert.DoesNotContain("random-gpu1 is", log.ToString());
        Assert.True(File.Exists(planned["deploy/kubernetes.yaml"]));
    }

    [Fact]
    public void NothingIsWrittenUnlessAskedFor()
    {
        using var planned = new Planned(Some.Trace(1, 8, 2, 60, 2), nodes: 1, gpusPerNode: 2, "eplb");
        DeployRun.Execute("", planned.Options, TextWriter.Null);
        Assert.False(Directory.Exists(planned["deploy"]));
    }

    /// <summary>Reads protobuf text: fields by their path, and their values; throws where brackets or values do not fit.</summary>
    static ILookup<string, string> Fields(string text)
    {
        var tokens = new Queue<string>(Token().Matches(Comment().Replace(text, "")).Select(m => m.Value));
        var fields = new List<(string Path, string Value)>();
        Message(tokens, "", null, fields);
        return fields.ToLookup(f => f.Path, f => f.Value);
    }

    static void Message(Queue<string> tokens, string path, string? end, List<(string, string)> fields)
    {
        while (tokens.TryDequeue(out var name))
        {
            if (name == end)
                return;
            Assert.Matches("^[a-z_]+$", name);
            var isScalar = tokens.Peek() == ":";
            if (isScalar)
                tokens.Dequeue();
            Value(tokens, path + name, isScalar, fields);
        }
        Assert.Null(end);
    }

    static void Value(Queue<string> tokens, string path, bool isScalar, List<(string, string)> fields)
    {
        var token = tokens.Dequeue();
        if (token == "{")
        {
            Message(tokens, path + "/", "}", fields);
        }
        else if (token == "[")
        {
            do
                Value(tokens, path, isScalar, fields);
            while (tokens.Peek() == "," && tokens.Dequeue() == ",");
            Assert.Equal("]", tokens.Dequeue());
        }
        else
        {
            Assert.True(isScalar, $"{path} has the value {token} without a colon");
            Assert.Matches("^(\"[^\"]*\"|[0-9]+|[A-Z_]+)$", token);
            fields.Add((path, token.Trim('"')));
        }
    }

    [GeneratedRegex("(?m)^#.*$")]
    private static partial Regex Comment();

    [GeneratedRegex("\"(\\\\.|[^\"\\\\])*\"|[A-Za-z0-9_]+|[^\\s]")]
    private static partial Regex Token();
}
