{{-- resources/views/partials/support.blade.php: @include('partials.support') in your layout. --}}
@if (auth()->check() && auth()->user()->email)
    <script async src="@script@"
            integrity="@integrity@"
            crossorigin="anonymous" data-tenant="@tenant@" data-sign-url="{{ route('support.assertion', [], false) }}"></script>

    {{-- To this site's own server, so that it works before usher.js is there, and where it cannot be loaded. --}}
    <form method="post" action="{{ route('support.assertion', [], false) }}" target="_blank">
        @csrf
        <button data-usher="form" data-usher-login="{{ Route::has('login') ? route('login') : url('/') }}">Contact support</button>
    </form>
@elseif (auth()->check())
    <p>To contact support, add an e-mail address to your account.</p>
@else
    <a href="{{ Route::has('login') ? route('login') : url('/') }}">Contact support</a>
@endif
