using Microsoft.AspNetCore.Http;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>Who asks, for the fair queue and the log: the holder of the key, else the header <c>X-Client-Id</c>, else the field <c>user</c>, else the address.</summary>
internal static class ClientName
{
    public const string Header = "X-Client-Id";

    private const int Longest = 64;

    /// <summary>The name, which the request's record keeps.</summary>
    public static string Read(HttpContext context, JsonFields fields)
    {
        var record = RequestRecord.Of(context);
        var user = fields.Text("user");
        if (record.HasKey)
            return record.Client;
        var header = context.Request.Headers[Header].ToString();
        if ((header.Length > 0 ? header : user) is { Length: > 0 } name)
            record.Client = new([.. name.Take(Longest).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c)]);
        return record.Client;
    }
}
