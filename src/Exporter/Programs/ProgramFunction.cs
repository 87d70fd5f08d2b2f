using Onnx;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Programs;

/// <summary>A model-local function: its body, its opset and the defaults of its attributes.</summary>
internal sealed record ProgramFunction(ProgramGraph Body, int Opset, Attributes Defaults)
{
    public static ProgramFunction From(FunctionProto function, int modelOpset, string? folder)
    {
        var defaults = new Attributes();
        foreach (var attribute in function.AttributeProto)
            defaults[attribute.Name] = ProgramNode.Decode(new NodeProto { OpType = function.Name }, attribute, folder);
        var opset = function.OpsetImport.FirstOrDefault(import => import.Domain is "" or "ai.onnx")?.Version ?? modelOpset;
        return new ProgramFunction(ProgramGraph.From(function, folder), (int)opset, defaults);
    }

    /// <summary>The attributes of a call, with defaults for those left out.</summary>
    public Attributes With(Attributes given)
    {
        var all = new Attributes();
        foreach (var (name, value) in Defaults.Concat(given))
            all[name] = value;
        return all;
    }
}
