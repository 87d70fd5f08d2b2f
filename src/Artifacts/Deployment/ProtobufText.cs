using System.Text;

namespace OnnxMoe.Artifacts.Deployment;

/// <summary>Texts in protobuf's text format, which Triton's configurations are written in.</summary>
public static class ProtobufText
{
    /// <summary>A string literal; bytes of UTF-8 that are not printable ASCII become octal escapes.</summary>
    public static string Quoted(string value)
    {
        var quoted = new StringBuilder("\"");
        foreach (var b in Encoding.UTF8.GetBytes(value))
            quoted.Append(b is (byte)'"' or (byte)'\\' ? $"\\{(char)b}" : b is >= 0x20 and < 0x7f ? $"{(char)b}" : $"\\{Convert.ToString(b, 8).PadLeft(3, '0')}");
        return quoted.Append('"').ToString();
    }
}
