using System.Text.Json.Nodes;
using OnnxMoe.Serving.Tests.Support;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Tests.Http;

/// <summary>The Open Inference Protocol over ONNX files without any manifest.</summary>
public sealed class OpenInferenceTests
{
    private static void WriteSum(string folder) => new OnnxGraph()
        .Input("a", DataType.Float, "rows", 3)
        .Input("b", DataType.Float, "rows", 3)
        .Output("sum", DataType.Float, "rows", 3)
        .Node("Add", ["a", "b"], ["sum"])
        .Save(Path.Combine(folder, "model.onnx"));

    private static string Infer(Served served) => $"/v2/models/{served.Server.Model.Name}/infer";

    [Fact]
    public async Task AnyModelIsDescribedAndComputed()
    {
        await using var served = await Served.StartAsync(WriteSum);
        var name = served.Server.Model.Name;
        var card = JsonNode.Parse(await served.Client.GetStringAsync($"/v2/models/{name}"))!;
        Assert.Equal("onnx_onnxv1", (string)card["platform"]!);
        Assert.Equal("""[{"name":"a","datatype":"FP32","shape":[-1,3]},{"name":"b","datatype":"FP32","shape":[-1,3]}]""", card["inputs"]!.ToJsonString());

        var answer = await served.AnswerAsync($"/v2/models/{name}/versions/1/infer",
            """{"id":"7","inputs":[{"name":"b","datatype":"FP32","shape":[2,3],"data":[[1,2,3],[4,5,6]]},{"name":"a","datatype":"FP32","shape":[2,3],"data":[0.5,0,0,0,0,"Infinity"]}]}""");
        Assert.Equal("7", (string)answer["id"]!);
        Assert.Equal(name, (string)answer["model_name"]!);
        Assert.Equal("""[{"name":"sum","datatype":"FP32","shape":[2,3],"data":[1.5,2,3,4,5,"Infinity"]}]""", answer["outputs"]!.ToJsonString());
    }

    [Theory]
    [InlineData(DataType.Bool, "BOOL", "[true,false]")]
    [InlineData(DataType.Uint8, "UINT8", "[0,255]")]
    [InlineData(DataType.Uint16, "UINT16", "[0,65535]")]
    [InlineData(DataType.Uint32, "UINT32", "[0,4294967295]")]
    [InlineData(DataType.Uint64, "UINT64", "[0,18446744073709551615]")]
    [InlineData(DataType.Int8, "INT8", "[-128,127]")]
    [InlineData(DataType.Int16, "INT16", "[-32768,32767]")]
    [InlineData(DataType.Int32, "INT32", "[-2147483648,2147483647]")]
    [InlineData(DataType.Int64, "INT64", "[-9223372036854775808,9223372036854775807]")]
    [InlineData(DataType.Float16, "FP16", "[0.5,-65504]")]
    [InlineData(DataType.Float, "FP32", "[0.1,-1E+30]")]
    [InlineData(DataType.Double, "FP64", "[0.1,\"NaN\"]")]
    [InlineData(DataType.String, "BYTES", "[\"\",\"é世\"]")]
    public async Task EveryDatatypeGoesInAndOut(DataType type, string datatype, string data)
    {
        await using var served = await Served.StartAsync(folder => new OnnxGraph()
            .Input("x", type, "n").Output("y", type, "n").Node("Identity", ["x"], ["y"]).Save(Path.Combine(folder, "model.onnx")));
        var answer = await served.AnswerAsync(Infer(served), $$"""{"inputs":[{"name":"x","datatype":"{{datatype}}","shape":[2],"data":{{data}}}]}""");
        var output = answer["outputs"]![0]!;
        Assert.Equal(datatype, (string)output["datatype"]!);
        Assert.Equal(data, System.Text.RegularExpressions.Regex.Unescape(output["data"]!.ToJsonString()));
    }

    [Theory]
    [InlineData("{}", "'inputs' is missing")]
    [InlineData("{\"inputs\":[]}", "lacks the input a")]
    [InlineData("{\"inputs\":[{\"name\":\"z\"}]}", "is 'z', but the model's inputs are a, b")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[1,3],\"data\":[1,2,3]}]}", "'inputs[0].datatype' is missing; the input a is FP32")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"datatype\":\"INT64\",\"shape\":[1,3],\"data\":[1,2,3]}]}", "is INT64, but the input a is FP32")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[1,4],\"data\":[1,2,3,4]}]}", "is [1,4], but the input a has the shape [-1,3]")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[3],\"data\":[1,2,3]}]}", "is [3], but the input a has the shape [-1,3]")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[-1,3],\"data\":[]}]}", "sizes are whole numbers from 0")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[9000000000000,3],\"data\":[]}]}", "more than")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[1,3],\"data\":[1,2]}]}", "has 2 elements, but the shape [1,3] of a has 3")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[1,3],\"data\":[1,2,true]}]}", "holds true at place 2, which is no FP32")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[1,3],\"data\":[1,2,3]},{\"name\":\"a\"}]}", "a second time")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[1,3],\"data\":[1,2,3]},{\"name\":\"b\",\"datatype\":\"FP32\",\"shape\":[2,3],\"data\":[1,2,3,4,5,6]}]}", "has 2 for the size 'rows' of b, but a has 1")]
    [InlineData("{\"outputs\":[{\"name\":\"q\"}],\"inputs\":[]}", "is 'q', but the model's outputs are sum")]
    [InlineData("{\"inputs\":", "not valid JSON")]
    public async Task MistakesGetStatus400AndASentence(string body, string says)
    {
        await using var served = await Served.StartAsync(WriteSum);
        var (status, answer, _) = await served.PostAsync(Infer(served), body);
        Assert.Equal(400, status);
        Assert.Contains(says, (string)answer["error"]!);
    }

    [Fact]
    public async Task ALanguageModelAnswersTensorsToo()
    {
        await using var served = await Served.RandomAsync();
        var answer = await served.AnswerAsync("/v2/models/tiny/infer", """
            {"outputs":[{"name":"logits"}],"inputs":[
            {"name":"input_ids","datatype":"INT64","shape":[1,2],"data":[5,6]},{"name":"position_ids","datatype":"INT64","shape":[1,2],"data":[0,1]},
            {"name":"attention_mask","datatype":"INT64","shape":[1,2],"data":[1,1]},
            {"name":"past_key_values.0.key","datatype":"FP32","shape":[1,1,0,8],"data":[]},{"name":"past_key_values.0.value","datatype":"FP32","shape":[1,1,0,8],"data":[]}]}
            """);
        Assert.Equal("[1,2,257]", answer["outputs"]![0]!["shape"]!.ToJsonString());
    }

    [Fact]
    public async Task ValuesTheModelCannotTakeAreTheClientsMistake()
    {
        await using var served = await Served.RandomAsync();
        var (status, answer, _) = await served.PostAsync("/v2/models/tiny/infer", """
            {"inputs":[{"name":"input_ids","datatype":"INT64","shape":[1,1],"data":[999]},{"name":"position_ids","datatype":"INT64","shape":[1,1],"data":[0]},
            {"name":"attention_mask","datatype":"INT64","shape":[1,1],"data":[1]},
            {"name":"past_key_values.0.key","datatype":"FP32","shape":[1,1,0,8],"data":[]},{"name":"past_key_values.0.value","datatype":"FP32","shape":[1,1,0,8],"data":[]}]}
            """);
        Assert.Equal(400, status);
        Assert.StartsWith("The model cannot compute with these inputs", (string)answer["error"]!);
    }

    [Theory]
    [InlineData("/v2", "onnxmoe")]
    [InlineData("/v2/health/live", "\"live\":true")]
    [InlineData("/v2/health/ready", "\"ready\":true")]
    [InlineData("/v2/models/tiny/ready", "\"ready\":true")]
    [InlineData("/v2/models/tiny/versions/1", "\"versions\":[\"1\"]")]
    [InlineData("/version", "version")]
    [InlineData("/", "<title>OnnxMoe</title>")]
    public async Task TheOtherRoutesAnswer(string path, string says)
    {
        await using var served = await Served.RandomAsync();
        Assert.Contains(says, await served.Client.GetStringAsync(path));
    }

    [Theory]
    [InlineData("/v2/models/other", "'other' is not served here")]
    [InlineData("/v2/models/tiny/versions/2", "has no version 2")]
    public async Task UnknownModelsAndVersionsGet404(string path, string says)
    {
        await using var served = await Served.RandomAsync();
        using var response = await served.Client.GetAsync(path);
        Assert.Equal(404, (int)response.StatusCode);
        Assert.Contains(says, await response.Content.ReadAsStringAsync());
    }
}
